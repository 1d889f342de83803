import type { Clock } from '../../core/ports.js';
import { NOW } from './builders.js';

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

/** A clock that moves only when a test says so. */
export class FakeClock implements Clock {
  #now = NOW;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#now + ms, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many things are still to be done. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Time passes while the process stands still: what has fallen due is called late, at the next `advance`. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  /** Lets time pass; what falls due is called at its time, in order. What that sets going is not awaited. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
    this.#now = end;
  }
}
