import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LRUCache } from 'lru-cache';
import { KeyedLock } from '../../core/keyed-lock.js';
import { isDigest, isMissing, READ_BYTES } from './blob-files.js';

interface Entry {
  readonly name: string;
  readonly size: number;
  /** When the file was written, as it was when its bytes were found to be right; undefined: not looked at yet. */
  verified: number | undefined;
}

/** Whoever adds or removes a file holds this key: room is made and used in one step. */
const ALL = 'all';

/** Whole ms, because that is all that a file's times keep when they are set. */
const stampOf = ({ mtimeMs }: { mtimeMs: number }): number => Math.floor(mtimeMs);

/**
 * Files named by their SHA-256, at most `maxBytes` together; those used least recently leave first. They outlive the
 * process: what was used when stands in the files' access times. The directory is this process's alone.
 */
export class DiskCache {
  readonly maxBytes: number;
  readonly #dir: string;
  readonly #entries: LRUCache<string, Entry>;
  readonly #lock = new KeyedLock();

  private constructor(dir: string, maxBytes: number) {
    this.#dir = dir;
    this.maxBytes = maxBytes;
    this.#entries = new LRUCache({
      // Room is made before a file is added, one file after the other: this bound is never what removes.
      maxSize: Number.MAX_SAFE_INTEGER,
      sizeCalculation: ({ size }) => size || 1,
    });
  }

  /** Opens a directory with what is there already; makes it if it is missing. */
  static async open(dir: string, maxBytes: number): Promise<DiskCache> {
    await mkdir(dir, { recursive: true });
    const cache = new DiskCache(dir, maxBytes);
    const names = (await readdir(dir)).filter(isDigest);
    const found = await Promise.all(
      names.map(async (name) => ({ name, facts: await stat(cache.#path(name)) })),
    );
    found.sort((a, b) => a.facts.atimeMs - b.facts.atimeMs);
    for (const { name, facts } of found)
      cache.#entries.set(name, { name, size: facts.size, verified: undefined });
    await cache.#makeRoom(0);
    return cache;
  }

  /**
   * A file of these bytes, open for reading, which the caller closes; it stays readable when it is driven out.
   * Undefined if there is none: one that is damaged is removed.
   */
  async open(sha256: string): Promise<FileHandle | undefined> {
    const entry = this.#entries.get(sha256);
    if (!entry) return undefined;
    const file = await open(this.#path(sha256)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      return undefined;
    });
    try {
      if (file && (await this.#isRight(file, entry))) return file;
    } catch (error) {
      await file?.close();
      throw error;
    }
    await file?.close();
    await this.#lock.acquire(ALL, async () => {
      // Meanwhile right bytes may have come.
      if (this.#entries.peek(sha256) === entry) await this.#remove(entry);
    });
    return undefined;
  }

  /**
   * Takes over a file of bytes that are known to be right.
   * @returns false, and the file stays where it is, if the cache is too small for it
   */
  async add(sha256: string, size: number, path: string): Promise<boolean> {
    if (size > this.maxBytes) return false;
    await this.#lock.acquire(ALL, async () => {
      this.#entries.delete(sha256);
      await this.#makeRoom(size);
      const target = this.#path(sha256);
      await rename(path, target);
      this.#entries.set(sha256, { name: sha256, size, verified: stampOf(await stat(target)) });
    });
    return true;
  }

  async remove(sha256: string): Promise<void> {
    await this.#lock.acquire(ALL, async () => {
      const entry = this.#entries.peek(sha256);
      if (entry) await this.#remove(entry);
    });
  }

  /** Looks at the bytes if they were not looked at since they were written, and notes that the file was used. */
  async #isRight(file: FileHandle, entry: Entry): Promise<boolean> {
    const facts = await file.stat();
    const stamp = stampOf(facts);
    if (facts.size !== entry.size) return false;
    if (entry.verified !== stamp) {
      // However many ask at once, the first one looks.
      const right = await this.#lock.acquire(
        entry.name,
        async () => entry.verified === stamp || (await digestOf(file)) === entry.name,
      );
      if (!right) return false;
      entry.verified = stamp;
    }
    await file.utimes(new Date(), new Date(stamp));
    return true;
  }

  async #makeRoom(bytes: number): Promise<void> {
    while (this.#entries.size > 0 && this.#entries.calculatedSize + bytes > this.maxBytes) {
      const oldest = this.#entries.pop();
      if (oldest) await rm(this.#path(oldest.name), { force: true });
    }
  }

  async #remove({ name }: Entry): Promise<void> {
    this.#entries.delete(name);
    await rm(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.#dir, name);
  }
}

async function digestOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(file.createReadStream({ start: 0, autoClose: false, highWaterMark: READ_BYTES }), hash);
  return hash.digest('hex');
}
