import type { Clock } from '../../core/ports.js';

/** setTimeout counts in 32 bits; what lies further ahead is looked at again then. */
const LONGEST = 2 ** 31 - 1;

/** The time of this machine. Timers keep no process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, action) {
    const timer = setTimeout(action, Math.min(ms, LONGEST));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
