import type { IncomingMessage, ServerResponse } from 'node:http';
import { isOwnerId, sha256 } from '../../core/account.js';
import { type CheckIn, isRecord, readCheckIn, registrationOf } from '../../core/checkin.js';
import { okPayload } from '../../core/payload.js';
import type { Clock } from '../../core/ports.js';
import { isUdid } from '../../core/topics.js';
import { readObject } from '../../http-fallback/device/body.js';
import { keyOf } from '../../http-fallback/keys.js';
import { answerJson, refuse } from './answers.js';
import type { Seen } from './seen.js';

/**
 * What devices are told while the server cannot be reached: those whose check-in it has taken before get OK, with
 * their owner and alias as last seen, so that they go on with their work. Everybody else is asked to come again.
 */
export class Offline {
  readonly #seen: Seen;
  readonly #clock: Clock;

  constructor(seen: Seen, clock: Clock) {
    this.#seen = seen;
    this.#clock = clock;
  }

  /** Keeps what an answer of the server says of a device, if it is the answer to a check-in. */
  learn(request: IncomingMessage, asked: Buffer, answered: Buffer): void {
    const about = checkInOf(request, asked);
    const told = registrationOf(readObject(answered.toString()));
    if (!about || !told) return;
    const { key, facts } = about;
    const { udid, auto_update: autoUpdate } = told;
    if (typeof udid !== 'string' || !isUdid(udid)) return;
    const isOk = told['status'] === 'OK';
    // An offer names neither owner nor alias: what was known of them stays, or what the device says, which was taken.
    const known = isOk ? undefined : this.#seen.find(key, udid, undefined);
    const { owner, alias } = isOk ? told : (known ?? facts);
    if (typeof owner !== 'string' || !isOwnerId(owner)) return;
    this.#seen.note({
      udid,
      mac: facts.mac ?? known?.mac,
      owner,
      alias: typeof alias === 'string' ? alias : udid,
      autoUpdate: known?.autoUpdate ?? autoUpdate === true,
      key,
    });
  }

  answer(request: IncomingMessage, asked: Buffer, response: ServerResponse): void {
    const about = checkInOf(request, asked);
    const known = about && this.#seen.find(about.key, about.facts.udid, about.facts.mac);
    if (known) answerJson(response, 200, okPayload(known, this.#clock.now()));
    else refuse(response, 'uplink_down');
  }
}

/** The check-in that a request is, and the digest of its key; undefined if it is none. */
function checkInOf(request: IncomingMessage, body: Buffer): { key: string; facts: CheckIn } | undefined {
  const [path] = (request.url ?? '').split('?');
  const key = keyOf(request);
  if (request.method !== 'POST' || path !== '/device/register' || key === undefined) return undefined;
  const registration = registrationOf(readObject(body.toString()));
  if (!isRecord(registration)) return undefined;
  return { key: sha256(key), facts: readCheckIn(registration) };
}
