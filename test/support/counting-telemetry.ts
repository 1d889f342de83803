import type { Telemetry } from '../../core/ports.js';

/** Counts what it is told, for tests that ask. */
export class CountingTelemetry implements Telemetry {
  /** How often each thing happened: `token completed`, `checked in http`. */
  readonly counts: Record<string, number> = {};
  /** Every push: ms from the news to the device. */
  readonly pushes: number[] = [];
  bytes = 0;

  checkedIn(via: string): void {
    this.#count(`checked in ${via}`);
  }

  offered(consent: string): void {
    this.#count(`offered ${consent}`);
  }

  token(outcome: string): void {
    this.#count(`token ${outcome}`);
  }

  sent(bytes: number): void {
    this.bytes += bytes;
  }

  downloaded(outcome: string): void {
    this.#count(`download ${outcome}`);
  }

  pushed(ms: number): void {
    this.pushes.push(ms);
  }

  limited(limit: string): void {
    this.#count(`limit ${limit}`);
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}
