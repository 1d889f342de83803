import { readFileSync } from 'node:fs';

/** Nanoseconds in a millisecond. */
const NS = 1e6;

/** How long the main thread of a process has worked so far, and waited for a core that others had; ms. */
export interface CoreTime {
  readonly worked: number;
  readonly waited: number;
}

/** @param pid a process that runs, or `self`; Linux says what it waited (Documentation/scheduler/sched-stats), others say nothing: 0 */
export function coreTime(pid: number | 'self'): CoreTime {
  try {
    const [worked = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
    return { worked: worked / NS, waited: waited / NS };
  } catch {
    return { worked: 0, waited: 0 };
  }
}
