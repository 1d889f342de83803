import { asBinary, type Binary, type Database, type Key } from 'lmdb';
import { type Guard, MAX_ID_CHARS } from './table.js';

/** Above every number in LMDB's order of keys. */
const LAST = Uint8Array.of(0xff);

/** For each id a row of values as JSON, numbered from 1 as they came; all of them are kept, or the newest. */
export class Sequence<V> {
  constructor(
    private readonly db: Database<string | Binary, Key>,
    private readonly guard: Guard,
  ) {}

  /** The values under an id, the newest first. */
  newest(id: string): V[] {
    this.guard();
    if (id.length > MAX_ID_CHARS) return [];
    const range = this.db.getRange({ start: [id, LAST], end: [id], reverse: true });
    return Array.from(range, ({ value }) => JSON.parse(String(value)) as V);
  }

  /** The values under an id whose number is higher than `n`, the oldest first, at most `limit`. */
  after(id: string, n: number, limit: number): V[] {
    this.guard();
    if (id.length > MAX_ID_CHARS) return [];
    const range = this.db.getRange({ start: [id, n], exclusiveStart: true, end: [id, LAST], limit });
    return Array.from(range, ({ value }) => JSON.parse(String(value)) as V);
  }

  /** Only within `Environment.write`. @param most how many are kept: the numbers have no gaps, so it is known which go */
  add(id: string, values: readonly V[], most = Number.POSITIVE_INFINITY): void {
    let n = this.last(id);
    for (const value of values) {
      n += 1;
      void this.db.put([id, n], asBinary(Buffer.from(JSON.stringify(value))));
      if (n > most) void this.db.remove([id, n - most]);
    }
  }

  /** Only within `Environment.write`. */
  clear(id: string): void {
    const keys = Array.from(this.db.getKeys({ start: [id], end: [id, LAST] }));
    for (const key of keys) void this.db.remove(key);
  }

  private last(id: string): number {
    this.guard();
    for (const key of this.db.getKeys({ start: [id, LAST], end: [id], reverse: true, limit: 1 }))
      return Number(Array.isArray(key) ? key[1] : 0);
    return 0;
  }
}
