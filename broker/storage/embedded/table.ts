import { asBinary, type Binary, type Database } from 'lmdb';
import { LRUCache } from 'lru-cache';

/** Goes before each read. Throws once the environment is closed: LMDB itself would read unmapped memory. */
export type Guard = () => void;

/** LMDB's keys hold 1978 bytes; a longer text that came from outside is the name of nothing. */
export const MAX_ID_CHARS = 512;

/** Records that are kept parsed: what is looked at is looked at again soon, within one check-in or one release. */
const PARSED = 2048;

interface Parsed<V> {
  readonly text: string;
  readonly value: V;
}

/**
 * Records of one kind under their ids, as JSON. Reads are synchronous and see every committed write, of other
 * processes too: the text is read each time, and parsed only if it is not what it was. So a value may be handed out
 * more than once, also one that was put, and must not be altered.
 */
export class Table<V extends NonNullable<unknown>> {
  private readonly parsed = new LRUCache<string, Parsed<V>>({ max: PARSED });

  constructor(
    private readonly db: Database<string | Binary, string>,
    private readonly guard: Guard,
  ) {}

  get(id: string): V | undefined {
    this.guard();
    if (id.length > MAX_ID_CHARS) return undefined;
    const text = this.db.get(id);
    return typeof text === 'string' ? this.parse(id, text) : undefined;
  }

  has(id: string): boolean {
    this.guard();
    return id.length <= MAX_ID_CHARS && this.db.doesExist(id);
  }

  /** Records in the order of their ids, at most `limit`, those after the id `after`. */
  page(limit: number, after: string | undefined): { readonly id: string; readonly value: V }[] {
    this.guard();
    const from = after === undefined ? {} : { start: after, exclusiveStart: true };
    return Array.from(this.db.getRange({ ...from, limit }), ({ key, value }) => ({
      id: key,
      value: JSON.parse(String(value)) as V,
    }));
  }

  /** Only within `Environment.write`, where it takes effect at once. */
  put(id: string, value: V): void {
    const text = JSON.stringify(value);
    // As bytes: LMDB's own way from a string to them takes twice as long.
    void this.db.put(id, asBinary(Buffer.from(text)));
    // What was written is read soon. If the transaction comes to nothing, another text will be found.
    this.parsed.set(id, { text, value });
  }

  /** Only within `Environment.write`, where it takes effect at once. */
  remove(id: string): void {
    void this.db.remove(id);
  }

  private parse(id: string, text: string): V {
    const known = this.parsed.get(id);
    if (known?.text === text) return known.value;
    const value = JSON.parse(text) as V;
    this.parsed.set(id, { text, value });
    return value;
  }
}
