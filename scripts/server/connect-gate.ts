import type { LimitWatch } from '../../core/limits.js';
import type { Clock } from '../../core/ports.js';
import { Rate } from '../../core/rate.js';
import type { Settings } from '../config/schema.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const ALL = '';

/** How many MQTT connections may be opened, by all in a second and from one address in a minute. */
export class ConnectGate {
  readonly #all: Rate;
  readonly #byAddress: Rate;
  readonly #watch: LimitWatch;

  constructor({ limits }: Settings, clock: Pick<Clock, 'now'>, watch: LimitWatch) {
    this.#all = new Rate(limits.connectsPerSecond, SECOND, clock);
    this.#byAddress = new Rate(limits.connectsPerMinutePerAddress, MINUTE, clock);
    this.#watch = watch;
  }

  /** Counts one connection. @returns false if it is to be turned away before a byte of it is read */
  admits(address = ''): boolean {
    // Who is over the limit of their own address takes nothing from others.
    const may = this.#byAddress.take(address) && this.#all.take(ALL);
    if (!may) this.#watch.reached('connects', { address });
    return may;
  }
}
