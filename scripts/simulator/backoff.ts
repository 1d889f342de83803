import { setTimeout as delay } from 'node:timers/promises';
import { type Random, within } from './random.js';

const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/** Growing pauses between attempts, jittered so that a fleet does not come back all at once. */
export class Backoff {
  #attempts = 0;

  constructor(readonly random: Random) {}

  /** Waits 0.1 s after the first failure, twice as long after each further one, at most 10 s. Ends early with the signal. */
  async pause(signal: AbortSignal): Promise<void> {
    const full = Math.min(FIRST_MS * 2 ** this.#attempts, LONGEST_MS);
    this.#attempts += 1;
    const ms = within({ min: full / 2, max: full }, this.random);
    await delay(ms, undefined, { signal }).catch(() => {});
  }

  /** It worked: the next failure counts as the first. */
  reset(): void {
    this.#attempts = 0;
  }
}
