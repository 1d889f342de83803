import { sameGround } from '../arrival.js';
import { type Device, revised } from '../device.js';
import type { Firmware } from '../firmware.js';
import type { LimitWatch } from '../limits.js';
import type { Clock, Telemetry } from '../ports.js';
import type { Rate } from '../rate.js';
import { newToken, TOKEN_LIFE_MS, tokenHash } from '../token.js';
import { type Consent, offered } from '../update.js';
import type { Records } from './records.js';

/** What a device is to be told: this version, with this token. */
export interface Offer {
  readonly version: string;
  readonly token: string;
  readonly consent: Consent;
}

/** The record is not any more what the decision was taken on. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

interface Parts {
  readonly records: Records;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** How often a device may be given a token. */
  readonly rate: Rate;
  readonly watch: LimitWatch;
}

/** Makes one-time tokens (wire.md 6). */
export class Issuer {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Counts one token for this device. @returns false if it has had too many */
  mayIssue(udid: string): boolean {
    if (this.#parts.rate.take(udid)) return true;
    this.#parts.watch.reached('tokens', { udid });
    return false;
  }

  /**
   * Stores a token for a device, in place of the one it had, and notes the offer in its record, as one step.
   * @param params what the request told, kept with the token
   * @returns undefined if there is no such device any more
   * @throws Overtaken if the record has changed so that it might be decided differently
   */
  async issue(
    device: Device,
    firmware: Firmware,
    consent: Consent,
    params: Readonly<Record<string, string>>,
  ): Promise<Offer | undefined> {
    const now = this.#parts.clock.now();
    const token = newToken();
    const hash = tokenHash(token);
    const { owner, udid } = device;
    const { id, sha256, size, version } = firmware;
    const issued = {
      hash,
      owner,
      udid,
      firmware: id,
      sha256,
      size,
      params,
      issuedAt: now,
      expiresAt: now + TOKEN_LIFE_MS,
      firstAttemptAt: undefined,
      attempt: undefined,
      spans: [],
      completedAt: undefined,
    };
    const after = await this.#parts.records.issue(issued, (known) => {
      if (!sameGround(device, known)) throw new Overtaken();
      return revised(known, {
        update: offered(known.update, firmware, known.version, consent, hash, now),
      });
    });
    if (!after) return undefined;
    this.#parts.telemetry.offered(consent);
    return { version, token, consent };
  }
}
