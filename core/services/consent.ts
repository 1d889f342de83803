import { decline, revised } from '../device.js';
import type { KeyedLock } from '../keyed-lock.js';
import type { Answer } from '../notice.js';
import type { Clock } from '../ports.js';
import { approved, declined, postponed } from '../update.js';
import type { OwnerFeed } from './owner-feed.js';
import type { Records } from './records.js';

/** The owner's answers to questions about devices (wire.md 5). */
export class Consent {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Takes an owner's answer. Durable. A question that was postponed can still be answered.
   * @returns false if this owner has no such question; nothing happens then
   */
  answer(owner: string, nid: string, answer: Answer): Promise<boolean> {
    return this.#parts.lock.acquire(nid, async () => {
      const device = await this.#parts.records.ofOwner(owner, nid);
      if (device?.update?.state !== 'asked') return false;
      const now = this.#parts.clock.now();
      // The lock is this node's alone: another may have taken an answer meanwhile.
      let isTaken = false;
      const after = await this.#parts.records.change(nid, (known) => {
        const { update } = known;
        isTaken = update?.state === 'asked';
        if (update?.state !== 'asked') return known;
        if (answer === 'approve') return revised(known, { update: approved(update, 'approved', now) });
        if (answer === 'later')
          return revised(known, { update: postponed(update, now + this.#parts.postponeMs) });
        return revised(decline(known, update.version), { update: declined(update, now) });
      });
      if (!isTaken) return false;
      await this.#parts.records.flushed();
      if (after?.update && answer === 'later') {
        this.#parts.feed.deviceEvent(after, 'postponed', { version: after.update.version });
      }
      return true;
    });
  }
}

interface Parts {
  readonly records: Records;
  readonly feed: OwnerFeed;
  readonly clock: Clock;
  /** The desk's, keyed by UDID. */
  readonly lock: KeyedLock;
  /** After an answer "later", ask again in so many ms. */
  readonly postponeMs: number;
}
