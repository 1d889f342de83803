import type { Database, Key } from 'lmdb';
import { type Guard, MAX_ID_CHARS } from './table.js';

type Part = string | number;
/** What an entry is sorted by, in this order, and last the id of the record it leads to. */
type Entry = [...Part[], string];

/** Above every string and number in LMDB's order of keys. */
const LAST = Uint8Array.of(0xff);

const tooLong = (part: Part): boolean => typeof part === 'string' && part.length > MAX_ID_CHARS;

const idOf = (entry: Key): string => String(Array.isArray(entry) ? entry.at(-1) : entry);

/** A secondary index: ids of records, sorted by what stands before them in the key. */
export class SortedIndex {
  constructor(
    private readonly db: Database<true, Key>,
    private readonly guard: Guard,
  ) {}

  /** Only within `Environment.write`. */
  add(entry: Entry): void {
    void this.db.put(entry, true);
  }

  /** Only within `Environment.write`. Harmless if there is no such entry. */
  remove(entry: Entry): void {
    void this.db.remove(entry);
  }

  /** The ids of the entries that begin with these parts, at most `limit`, those after the id `after`. */
  under(parts: readonly Part[], limit = Number.POSITIVE_INFINITY, after?: string): string[] {
    if (parts.some(tooLong)) return [];
    const end = [...parts, LAST];
    if (after === undefined) return this.entries([...parts], end, limit).map(idOf);
    return this.entries([...parts, after.slice(0, MAX_ID_CHARS)], end, limit, true).map(idOf);
  }

  /** How many entries begin with these parts. */
  countUnder(parts: readonly Part[]): number {
    if (parts.some(tooLong)) return 0;
    this.guard();
    return this.db.getKeysCount({ start: [...parts], end: [...parts, LAST] });
  }

  /** The ids of the entries whose first part, a number, is at most this one; the smallest first. */
  upTo(most: number, limit: number): string[] {
    return this.entries([0], [most, LAST], limit).map(idOf);
  }

  /** Removes what `upTo` finds, and returns it. Only within `Environment.write`. */
  take(most: number, limit: number): string[] {
    const entries = this.entries([0], [most, LAST], limit);
    for (const entry of entries) void this.db.remove(entry);
    return entries.map(idOf);
  }

  private entries(start: Key, end: Key, limit: number, exclusiveStart = false): Key[] {
    this.guard();
    return Array.from(this.db.getKeys({ start, end, limit, exclusiveStart }));
  }
}
