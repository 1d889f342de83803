import { FirmwireError } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Delivery } from '../../core/services/downloads.js';
import { newToken } from '../../core/token.js';
import type { Selection } from '../device/range.js';
import { Relayed } from './relayed.js';
import type { Ticket } from './ticket.js';

/** The attempts that gateways are carrying out, by names that only they know. */
export class Relays {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #log: Log;
  readonly #open = new Map<string, Relayed>();

  /** @param idleMs an attempt that does not move for so long ends */
  constructor(clock: Clock, idleMs: number, log: Log) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#log = log;
  }

  /**
   * Takes over an attempt that has begun.
   * @param headers what the device is to get
   * @param link to be told how the attempt is cut
   */
  take(
    delivery: Delivery,
    selection: Selection,
    headers: Ticket['headers'],
    link: (cut: () => void) => void,
  ): Ticket {
    const attempt = newToken();
    const { firmware } = delivery;
    const { span, partial } = selection;
    const relayed = new Relayed({
      delivery,
      firmware,
      span,
      clock: this.#clock,
      idleMs: this.#idleMs,
      log: this.#log,
      ended: () => this.#open.delete(attempt),
    });
    this.#open.set(attempt, relayed);
    link(() => relayed.cut());
    const { sha256, size } = firmware;
    return { attempt, status: partial ? 206 : 200, headers, sha256, size, span, idleMs: this.#idleMs };
  }

  /** @throws FirmwireError `attempt_over`, one answer for what is over and what never was */
  get(attempt: string): Relayed {
    const relayed = this.#open.get(attempt);
    if (!relayed) throw new FirmwireError('attempt_over');
    return relayed;
  }

  /** How many there are. */
  get count(): number {
    return this.#open.size;
  }
}
