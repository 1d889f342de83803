import type { Clock } from './ports.js';

/**
 * How often each of many may do something within a window of time. Windows are the same for all, so that nothing has to be
 * done when one ends: a map is forgotten. Who begins at the end of one may do it up to twice as often in a row.
 */
export class Rate {
  readonly #most: number;
  readonly #windowMs: number;
  readonly #clock: Pick<Clock, 'now'>;
  #counts = new Map<string, number>();
  #window = Number.NaN;

  constructor(most: number, windowMs: number, clock: Pick<Clock, 'now'>) {
    this.#most = most;
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /** Counts once. @returns false if this is more than it may be */
  take(key: string): boolean {
    const window = Math.floor(this.#clock.now() / this.#windowMs);
    if (window !== this.#window) {
      this.#window = window;
      this.#counts = new Map();
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count <= this.#most;
  }
}
