import type AsyncLock from 'async-lock';
import { decline } from '../device.js';
import type { Answer } from '../notice.js';
import type { Clock } from '../ports.js';
import { approved, declined, postponed } from '../update.js';
import type { OwnerFeed } from './owner-feed.js';
import type { Records } from './records.js';

/** The owner's answers to questions about devices (wire.md 5). */
export class Consent {
  readonly #records: Records;
  readonly #feed: OwnerFeed;
  readonly #clock: Clock;
  readonly #lock: AsyncLock;
  readonly #postponeMs: number;

  /** @param postponeMs after an answer "later", ask again in so many ms */
  constructor(parts: {
    records: Records;
    feed: OwnerFeed;
    clock: Clock;
    lock: AsyncLock;
    postponeMs: number;
  }) {
    this.#records = parts.records;
    this.#feed = parts.feed;
    this.#clock = parts.clock;
    this.#lock = parts.lock;
    this.#postponeMs = parts.postponeMs;
  }

  /**
   * Takes an owner's answer. Durable. A question that was postponed can still be answered.
   * @returns false if this owner has no such question; nothing happens then
   */
  answer(owner: string, nid: string, answer: Answer): Promise<boolean> {
    return this.#lock.acquire(nid, async () => {
      const device = await this.#records.ofOwner(owner, nid);
      if (device?.update?.state !== 'asked') return false;
      const now = this.#clock.now();
      const after = await this.#records.change(nid, (known) => {
        const { update } = known;
        if (update?.state !== 'asked') return known;
        if (answer === 'approve') return { ...known, update: approved(update, 'approved', now) };
        if (answer === 'later') return { ...known, update: postponed(update, now + this.#postponeMs) };
        return { ...decline(known, update.version), update: declined(update, now) };
      });
      await this.#records.flushed();
      if (after?.update && answer === 'later') {
        this.#feed.deviceEvent(after, 'postponed', { version: after.update.version });
      }
      return true;
    });
  }
}
