import type { Random } from '../../simulator/random.js';

/** Natural absence: by its people, its network, its power. */
export interface Absence {
  readonly from: number;
  readonly until: number;
}

const HOUR = 3_600_000;
/** Half of all absences are shorter. */
const MEDIAN_MS = 2 * HOUR;
const SIGMA = 1;
/** The mean of a log-normal distribution. */
const MEAN_MS = MEDIAN_MS * Math.exp(SIGMA ** 2 / 2);

/** One value of the standard normal distribution (Box and Muller). */
export const normal = (chance: Random): number =>
  Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());

/** When a device is away without any fault of the firmware: this share of all time, for hours, sometimes for days. */
export class Absences {
  readonly #chance: Random;
  readonly #betweenMs: number;
  #next: Absence;

  constructor(chance: Random, share: number, start: number) {
    this.#chance = chance;
    this.#betweenMs = (MEAN_MS * (1 - share)) / share;
    // Some are away already.
    const isAway = chance() < share;
    const from = isAway ? start : start + this.#pause();
    this.#next = { from, until: from + this.#length() };
  }

  /** The absence that this moment lies in, or the next one. */
  after(time: number): Absence {
    while (this.#next.until <= time) {
      const from = this.#next.until + this.#pause();
      this.#next = { from, until: from + this.#length() };
    }
    return this.#next;
  }

  #pause(): number {
    return -Math.log(1 - this.#chance()) * this.#betweenMs;
  }

  #length(): number {
    return MEDIAN_MS * Math.exp(SIGMA * normal(this.#chance));
  }
}
