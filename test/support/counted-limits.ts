import type { Limit, LimitWatch } from '../../core/limits.js';

/** Counts how often each limit was reached, for tests that ask. */
export class CountedLimits implements LimitWatch {
  readonly counts: Partial<Record<Limit, number>> = {};

  reached(limit: Limit): void {
    this.counts[limit] = (this.counts[limit] ?? 0) + 1;
  }
}
