import type { Clock } from './ports.js';

/** A count is read anew after so long, ms: others, on other nodes, add and remove as well. */
const STALE_MS = 60_000;
/** Before something is refused the count is read anew, but not more often than this, ms. */
const SURE_MS = 1000;

interface Count {
  number: number;
  readonly readAt: number;
}

/** Knows how many of something each owner has without counting every time. Between nodes it may be late by a minute. */
export class Headcount {
  readonly #most: number;
  readonly #count: (owner: string) => Promise<number>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #known = new Map<string, Count>();

  /** @param count counts what is stored */
  constructor(most: number, count: (owner: string) => Promise<number>, clock: Pick<Clock, 'now'>) {
    this.#most = most;
    this.#count = count;
    this.#clock = clock;
  }

  /** True if this owner may have no more. */
  async isFull(owner: string): Promise<boolean> {
    const known = this.#known.get(owner);
    const age = known ? Math.abs(this.#clock.now() - known.readAt) : Number.POSITIVE_INFINITY;
    const seemsFull = known !== undefined && known.number >= this.#most;
    if (known && age < (seemsFull ? SURE_MS : STALE_MS)) return seemsFull;
    const number = await this.#count(owner);
    this.#known.set(owner, { number, readAt: this.#clock.now() });
    return number >= this.#most;
  }

  /** One more has been stored, or one less. */
  changed(owner: string, by: 1 | -1): void {
    const known = this.#known.get(owner);
    if (known) known.number += by;
  }
}
