import type { Database } from 'lmdb';

/** Goes before each read. Throws once the environment is closed: LMDB itself would read unmapped memory. */
export type Guard = () => void;

/** LMDB's keys hold 1978 bytes; a longer text that came from outside is the name of nothing. */
export const MAX_ID_CHARS = 512;

/** Records of one kind under their ids. Reads are synchronous and see every committed write. */
export class Table<V> {
  constructor(
    private readonly db: Database<V, string>,
    private readonly guard: Guard,
  ) {}

  get(id: string): V | undefined {
    this.guard();
    return id.length > MAX_ID_CHARS ? undefined : this.db.get(id);
  }

  /** Records in the order of their ids, at most `limit`, those after the id `after`. */
  page(limit: number, after: string | undefined): { readonly id: string; readonly value: V }[] {
    this.guard();
    const from = after === undefined ? {} : { start: after, exclusiveStart: true };
    return Array.from(this.db.getRange({ ...from, limit }), ({ key, value }) => ({ id: key, value }));
  }

  /** Only within `Environment.write`, where it takes effect at once. */
  put(id: string, value: V): void {
    void this.db.put(id, value);
  }

  /** Only within `Environment.write`, where it takes effect at once. */
  remove(id: string): void {
    void this.db.remove(id);
  }
}
