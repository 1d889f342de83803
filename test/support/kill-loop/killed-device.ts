import { Device } from '../device.js';
import { at, parsed } from '../json.js';
import { readPayload } from '../payload.js';
import { exchange, getRequest, isWhole } from '../raw-http.js';
import type { Account, ServerProcess } from '../server-process.js';
import type { Book } from './book.js';
import type { KillSwitch } from './kill-switch.js';

interface Offer {
  readonly ott: string;
  readonly url: string;
  readonly version: string;
}

/** A device that lives from one server to the next, and writes down what it was offered and what it got. */
export class KilledDevice {
  readonly device: Device;
  /** The last offer of the server before. */
  #last: Offer | undefined;

  constructor(
    server: ServerProcess,
    account: Account,
    readonly autoUpdate: boolean,
    readonly via: 'mqtt' | 'http',
    private readonly book: Book,
    private readonly steps: KillSwitch,
  ) {
    this.device = new Device(server, account);
    this.device.autoUpdate = autoUpdate;
  }

  /**
   * Checks in, takes what it is offered and comes back with it, until the server is gone.
   * @param news resolves when there may be something new for a device that has to ask; undefined: no more
   */
  async live(server: ServerProcess, news: () => Promise<unknown>): Promise<void> {
    this.device.server = server;
    try {
      if (this.via === 'mqtt') while (await this.#session());
      else
        do {
          await this.#ask();
        } while (await news());
    } catch {
      // The server is gone, in the middle of something.
    }
    await this.device.drop();
  }

  /** Uses the token of the server before once more. */
  async useAgain(server: ServerProcess): Promise<void> {
    this.device.server = server;
    const last = this.#last;
    this.#last = undefined;
    if (last) await this.#take(last);
  }

  /** One MQTT session, up to an offer. @returns false if the server is gone */
  async #session(): Promise<boolean> {
    await this.device.subscribe();
    this.book.devices.add(this.device.udid);
    const { peer, topic } = this.device;
    const next = (): Promise<string | undefined> =>
      Promise.race([
        peer.inbox.next('a word', (message) => message.topic === topic).then(({ payload }) => payload),
        peer.closed.then(() => undefined),
      ]);
    this.steps.passed('check-in sent');
    await this.device.checkIn();
    for (let text = await next(); text !== undefined; text = await next()) {
      this.steps.passed('checked in');
      const offer = this.#offerIn(text);
      if (!offer) continue;
      // One TCP client for everything: the session ends when the download begins (wire.md 2).
      await this.device.drop();
      await this.#take(offer);
      return true;
    }
    return false;
  }

  /** One check-in over HTTP, and what follows from it. */
  async #ask(): Promise<void> {
    for (let isNew = true; isNew; ) {
      this.steps.passed('check-in sent');
      const { body, status } = await this.device.register();
      if (status !== 200) return;
      this.book.devices.add(this.device.udid);
      this.steps.passed('checked in');
      const offer = this.#offerIn(body.toString());
      isNew = offer !== undefined && (await this.#take(offer));
    }
  }

  #offerIn(text: string): Offer | undefined {
    if (readPayload(text).kind !== 'update') return undefined;
    const registration = at(parsed(text), 'registration');
    const [ott, url, version] = ['ott', 'url', 'version'].map((name) => String(at(registration, name)));
    if (ott === undefined || url === undefined || version === undefined) return undefined;
    this.book.offered(this.device.udid, version, this.autoUpdate);
    this.steps.passed('offered');
    this.#last = { ott, url, version };
    return this.#last;
  }

  /** @returns true if it runs the new version now */
  async #take({ ott, url, version }: Offer): Promise<boolean> {
    this.steps.passed('token sent');
    const running = exchange(this.device.server.httpDoor, getRequest(url));
    running.got(1).then(
      () => this.steps.passed('bytes came'),
      () => undefined,
    );
    const answer = await running.answer;
    if (!isWhole(answer)) return false;
    this.book.tookBody(ott, version, answer.body);
    this.steps.passed('body came');
    this.device.version = version;
    return true;
  }
}
