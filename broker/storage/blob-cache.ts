import { LRUCache } from 'lru-cache';

/** One body may take this share of the cache; larger ones would drive out everything else. */
const LARGEST_SHARE = 1 / 4;

/** Bodies held in memory, the least recently used leaving first. */
export class BlobCache {
  private readonly held: LRUCache<string, Buffer>;
  private readonly loading = new Map<string, Promise<Buffer>>();

  constructor(private readonly maxBytes: number) {
    this.held = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: ({ length }) => length || 1,
    });
  }

  /** The bytes, for which `load` is called once however many ask; undefined if they are too large to be held. */
  async get(sha256: string, size: number, load: () => Promise<Buffer>): Promise<Buffer | undefined> {
    if (size > this.maxBytes * LARGEST_SHARE) return undefined;
    const held = this.held.get(sha256);
    if (held) return held;
    const pending = this.loading.get(sha256);
    if (pending !== undefined) return pending;
    const loading = load();
    this.loading.set(sha256, loading);
    try {
      const bytes = await loading;
      // Not if it was forgotten meanwhile.
      if (this.loading.get(sha256) === loading) this.held.set(sha256, bytes);
      return bytes;
    } finally {
      if (this.loading.get(sha256) === loading) this.loading.delete(sha256);
    }
  }

  forget(sha256: string): void {
    this.held.delete(sha256);
    this.loading.delete(sha256);
  }
}
