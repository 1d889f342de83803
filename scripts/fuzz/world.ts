import { randomUUID } from 'node:crypto';
import { ask } from '../bench/load/http-client.js';
import { tokenIn } from '../bench/load/http-requests.js';
import type { Credentials } from '../client/credentials.js';
import { checkInRequest } from '../simulator/check-in.js';
import { madeUpImage } from '../simulator/made-up-image.js';
import { type Names, PLACEHOLDERS } from './case.js';

/** What is needed to put something onto a server. */
interface Place {
  readonly httpPort: number;
  readonly credentials: Credentials;
}

const IMAGE_BYTES = 20_000;
export const PLATFORM = 'arduino:esp8266';

/** What cases may find on the server; they use it up. */
export class World {
  #names: Pick<Names, 'token' | 'firmware'> = PLACEHOLDERS;
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get names(): Pick<Names, 'token' | 'firmware'> {
    return this.#names;
  }

  /** Makes sure of a firmware and of a token that is open. Never rejects: a server that is in trouble is found out elsewhere. */
  async renew(): Promise<void> {
    try {
      this.#names = { firmware: await this.#publish(), token: await this.#token() };
    } catch {
      this.#names = PLACEHOLDERS;
    }
  }

  async #publish(): Promise<string> {
    const { httpPort, credentials } = this.#place;
    const form = new FormData();
    form.append('version', '1.1.0');
    form.append('platform', PLATFORM);
    form.append('file', new Blob([madeUpImage(IMAGE_BYTES, 'fuzz')]), 'firmware.bin');
    const answer = await fetch(`http://127.0.0.1:${httpPort}/api/v1/firmware`, {
      method: 'POST',
      headers: { authorization: `Bearer ${credentials.ownerKey}` },
      body: form,
    });
    const { firmware } = (await answer.json()) as { firmware: { id: string } };
    return firmware.id;
  }

  /** A device of its own for each: one that has taken a body whole is not offered it anew. */
  async #token(): Promise<string> {
    const { httpPort, credentials } = this.#place;
    const udid = randomUUID();
    const request = checkInRequest({ host: '127.0.0.1', port: httpPort }, credentials.deviceKey, {
      mac: udid.slice(-12).toUpperCase(),
      udid,
      owner: credentials.owner,
      alias: 'token',
      platform: PLATFORM,
      version: '1.0.0',
      status: 'Registered',
      autoUpdate: true,
      fcid: undefined,
    });
    const { body } = await ask(httpPort, Buffer.from(request), 'keep');
    return tokenIn(body);
  }
}
