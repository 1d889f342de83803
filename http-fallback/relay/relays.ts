import { FirmwireError } from '../../core/errors.js';
import type { LimitWatch } from '../../core/limits.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Delivery } from '../../core/services/downloads.js';
import { newToken } from '../../core/token.js';
import type { Attempt, Pace } from '../device/hand-over.js';
import type { Selection } from '../device/range.js';
import { Relayed } from './relayed.js';
import type { Ticket } from './ticket.js';

/** How slow they may be. */
export interface RelayLimits extends Omit<Pace, 'tooSlow'> {
  readonly watch: LimitWatch;
}

/** The attempts that gateways are carrying out, by names that only they know. */
export class Relays {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #limits: RelayLimits;
  readonly #log: Log;
  readonly #open = new Map<string, Relayed>();

  /** @param idleMs an attempt that does not move for so long ends */
  constructor(clock: Clock, idleMs: number, limits: RelayLimits, log: Log) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#limits = limits;
    this.#log = log;
  }

  /**
   * Begins an attempt for a gateway. Rejects as `begin` does.
   * @param begin is told how the attempt is cut
   * @param headers what the device is to get
   */
  async begin(
    begin: (abort: () => void) => Promise<Pick<Delivery, keyof Attempt | 'firmware' | 'udid'>>,
    { span, partial }: Selection,
    headers: Ticket['headers'],
  ): Promise<Ticket> {
    const attempt = newToken();
    let relayed: Relayed | undefined;
    let isCut = false;
    const delivery = await begin(() => {
      isCut = true;
      relayed?.cut();
    });
    const { firmware } = delivery;
    relayed = new Relayed({
      delivery,
      firmware,
      span,
      clock: this.#clock,
      idleMs: this.#idleMs,
      pace: { ...this.#limits, tooSlow: () => this.#limits.watch.reached('pace', { udid: delivery.udid }) },
      log: this.#log,
      ended: () => this.#open.delete(attempt),
    });
    this.#open.set(attempt, relayed);
    // A newer attempt may have begun in the moment between.
    if (isCut) relayed.cut();
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
