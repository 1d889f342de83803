/** What is to happen in simulated time, each at its moment, in order. */
export class Agenda {
  readonly #buckets = new Map<number, { at: number; action: () => void }[]>();
  readonly #widthMs: number;
  #time: number;

  /** @param widthMs how far time is moved on at once, ms */
  constructor(start: number, widthMs: number) {
    this.#time = start;
    this.#widthMs = widthMs;
  }

  now(): number {
    return this.#time;
  }

  at(time: number, action: () => void): void {
    const bucket = Math.floor(Math.max(time, this.#time) / this.#widthMs);
    const known = this.#buckets.get(bucket);
    if (known) known.push({ at: time, action });
    else this.#buckets.set(bucket, [{ at: time, action }]);
  }

  /** Lets everything happen up to the end of the next span. */
  advance(): void {
    const bucket = Math.floor(this.#time / this.#widthMs);
    const end = (bucket + 1) * this.#widthMs;
    for (;;) {
      const due = this.#buckets.get(bucket);
      if (!due || due.length === 0) break;
      this.#buckets.delete(bucket);
      // What one of them brings about within the same span comes in the next round.
      for (const { at, action } of due.sort((a, b) => a.at - b.at)) {
        this.#time = Math.max(this.#time, at);
        action();
      }
    }
    this.#time = end;
  }
}
