import type { Limit, LimitWatch } from '../../core/limits.js';
import type { Clock, Log, Telemetry } from '../../core/ports.js';

/** One line of the log for each limit within so long, ms: who runs into one does it thousands of times. */
const QUIET_MS = 10_000;

/** Counts every time a limit is reached, and tells the log now and then. */
export class CountingLimitWatch implements LimitWatch {
  readonly #telemetry: Pick<Telemetry, 'limited'>;
  readonly #log: Log;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #told = new Map<Limit, { at: number; since: number }>();

  constructor(telemetry: Pick<Telemetry, 'limited'>, log: Log, clock: Pick<Clock, 'now'>) {
    this.#telemetry = telemetry;
    this.#log = log;
    this.#clock = clock;
  }

  reached(limit: Limit, facts: object = {}): void {
    this.#telemetry.limited(limit);
    const now = this.#clock.now();
    const told = this.#told.get(limit);
    if (told && Math.abs(now - told.at) < QUIET_MS) {
      told.since++;
      return;
    }
    this.#told.set(limit, { at: now, since: 0 });
    const more = told && told.since > 0 ? { more: told.since } : {};
    this.#log.warn({ limit, ...facts, ...more }, 'a limit was reached');
  }
}
