import { percentile } from '../../simulator/percentile.js';
import { nowMs } from '../machine.js';

/** When something began and ended, ms on `nowMs`, and how long each took, ms. */
export interface Timing {
  readonly begun: number;
  readonly ended: number;
  readonly p50: number;
  readonly p99: number;
}

/** The timing of something that ends now. */
export function timing(begun: number, spans: readonly number[]): Timing {
  const at = (percent: number): number => percentile(spans, percent) ?? 0;
  return { begun, ended: nowMs(), p50: at(50), p99: at(99) };
}

/** Past this a round has failed: every scenario takes less. */
const PATIENCE_MS = 60_000;

/** Waits until so many have been counted. */
export class Countdown {
  private readonly reached: Promise<void>;
  private resolve: () => void = () => {};

  constructor(private left: number) {
    this.reached = new Promise((resolve) => {
      this.resolve = resolve;
    });
    if (left === 0) this.resolve();
  }

  count(): void {
    if (--this.left === 0) this.resolve();
  }

  /** @throws Error if that takes too long: a round must not wait for ever for what was lost */
  async done(what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.left} times missing: ${what}`)), PATIENCE_MS);
    });
    await Promise.race([this.reached, late]).finally(() => clearTimeout(timer));
  }
}
