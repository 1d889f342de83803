import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { sha256 as digestOf } from '../../../core/account.js';
import { FirmwireError } from '../../../core/errors.js';
import { KeyedLock } from '../../../core/keyed-lock.js';
import type { BlobStore, StagedBlob } from '../../../core/ports.js';
import { BlobCache } from '../blob-cache.js';
import { checkBytes, checkDigest, damaged, READ_BYTES } from '../blob-files.js';
import type { Home, Received, Staging } from '../blob-staging.js';
import type { DiskCache } from '../disk-cache.js';
import type { FirmwareBucket, Incoming } from './bucket.js';

interface Parts {
  readonly bucket: FirmwareBucket;
  readonly staging: Staging;
  readonly disk: DiskCache;
  readonly memoryBytes: number;
  readonly graceMs: number;
}

/** Bodies larger than the disk cache are fetched so many bytes at a time: a slow device must not hold a connection. */
const WINDOW_BYTES = 512 * 1024;

/** How often bytes that were driven out of the cache before they could be opened are fetched anew. */
const TURNS = 3;

/** Firmware bytes in a bucket, with what was used last in memory and on disk. */
export class S3Blobs implements BlobStore, Home {
  /** Held by digest, as in a directory. */
  readonly lock = new KeyedLock();
  readonly #parts: Parts;
  readonly #memory: BlobCache;
  readonly #fetching = new Map<string, Promise<boolean>>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#memory = new BlobCache(parts.memoryBytes);
  }

  stage(source: Readable | Uint8Array, limit: number, headBytes: number): Promise<StagedBlob> {
    return this.#parts.staging.stage(this, source, limit, headBytes);
  }

  /** Bytes that are there already are not sent again, unless `clean` on another node may be about to remove them. */
  async keep({ path, sha256, size }: Received): Promise<void> {
    const { bucket, staging, disk, graceMs } = this.#parts;
    const known = await bucket.head(sha256);
    const fresh = known !== undefined && Date.now() - known.modifiedAt < graceMs / 2;
    if (known?.size !== size || !fresh) await bucket.put(sha256, path, size);
    if (await disk.add(sha256, size, path)) staging.moved(path);
  }

  read({ sha256, size }: Received): Promise<Buffer> {
    return this.#load(sha256, size);
  }

  async cached(sha256: string, size: number): Promise<Buffer | undefined> {
    checkDigest(sha256);
    return this.#memory.get(sha256, size, () => this.#load(sha256, size));
  }

  open(sha256: string, start: number, end: number): Readable {
    checkDigest(sha256);
    if (start >= end) return Readable.from([]);
    return Readable.from(this.#stream(sha256, start, end), { objectMode: false, highWaterMark: READ_BYTES });
  }

  /** Bytes without a record do no harm: if the store is away, they are left to `clean`. */
  async remove(sha256: string): Promise<void> {
    const { bucket } = this.#parts;
    checkDigest(sha256);
    await this.lock.acquire(sha256, async () => {
      await this.#forget(sha256);
      await bucket.remove(sha256).catch((error: unknown) => {
        if (!(error instanceof FirmwireError)) throw error;
      });
    });
  }

  async clean(isUsed: (sha256: string) => Promise<boolean>): Promise<number> {
    const { bucket, staging, graceMs } = this.#parts;
    let removed = await staging.clean(graceMs);
    const isOld = (facts: { modifiedAt: number } | undefined): boolean =>
      facts !== undefined && Date.now() - facts.modifiedAt >= graceMs;
    for await (const { sha256, ...listed } of bucket.list()) {
      if (!isOld(listed)) continue;
      const unused = async (): Promise<boolean> => {
        // Asked anew: another node may have kept the bytes since they were listed.
        if ((await isUsed(sha256)) || !isOld(await bucket.head(sha256))) return false;
        await bucket.remove(sha256);
        await this.#forget(sha256);
        return true;
      };
      if (await this.lock.acquire(sha256, unused)) removed += 1;
    }
    return removed;
  }

  async *#stream(sha256: string, start: number, end: number): AsyncGenerator<Buffer> {
    // What is wanted to a place beyond the cache's size is larger than the cache.
    const file = end <= this.#parts.disk.maxBytes ? await this.#file(sha256) : undefined;
    if (file) {
      yield* file.createReadStream({ start, end: end - 1, highWaterMark: READ_BYTES });
      return;
    }
    for (let at = start; at < end; ) {
      const to = Math.min(at + WINDOW_BYTES, end);
      // Some servers give more than they are asked for.
      const piece = (await this.#direct(sha256, at, to)).subarray(0, to - at);
      if (piece.length === 0) return;
      yield piece;
      at += piece.length;
    }
  }

  async #load(sha256: string, size: number): Promise<Buffer> {
    const { disk, bucket } = this.#parts;
    const file = size <= disk.maxBytes ? await this.#file(sha256) : undefined;
    if (file) {
      const bytes = await buffer(file.createReadStream({ start: 0 }));
      if (digestOf(bytes) === sha256) return bytes;
      // The disk lost them after they were looked at.
      await disk.remove(sha256);
    }
    return checkBytes(await this.#direct(sha256), sha256, bucket.place);
  }

  /** An open file of the cache with these bytes, fetched if need be; undefined if they are too large for it. */
  async #file(sha256: string): Promise<FileHandle | undefined> {
    for (let turn = 0; turn < TURNS; turn += 1) {
      const file = await this.#parts.disk.open(sha256);
      if (file) return file;
      if (!(await this.#fetchOnce(sha256))) return undefined;
    }
    return undefined;
  }

  /** Fetches bytes into the cache, once however many ask. False if they are too large for it. */
  #fetchOnce(sha256: string): Promise<boolean> {
    const running = this.#fetching.get(sha256);
    if (running) return running;
    const isWanted = (): boolean => this.#fetching.get(sha256) === fetching;
    const fetching = this.#fetch(sha256, isWanted).finally(() => {
      if (isWanted()) this.#fetching.delete(sha256);
    });
    this.#fetching.set(sha256, fetching);
    return fetching;
  }

  async #fetch(sha256: string, isWanted: () => boolean): Promise<boolean> {
    const { bucket, staging, disk } = this.#parts;
    const incoming = await bucket.get(sha256);
    if (incoming.size > disk.maxBytes) {
      incoming.body.destroy();
      return false;
    }
    const { path, ...facts } = await this.#whole(incoming, (body) => staging.receive(body, incoming.size, 0));
    try {
      if (facts.sha256 !== sha256) throw damaged(`${sha256} in ${bucket.place}`);
      // Not if it was removed meanwhile.
      if (isWanted()) await disk.add(sha256, facts.size, path);
    } finally {
      await staging.discard(path);
    }
    return true;
  }

  /** Straight from the bucket. */
  async #direct(sha256: string, start?: number, end?: number): Promise<Buffer> {
    return this.#whole(await this.#parts.bucket.get(sha256, start, end), buffer);
  }

  /** Reads a body, and tells whether it was the store that failed. */
  async #whole<T>({ body }: Incoming, read: (body: Readable) => Promise<T>): Promise<T> {
    let broken: unknown;
    body.once('error', (error) => {
      broken = error;
    });
    try {
      return await read(body);
    } catch (error) {
      throw error === broken ? this.#parts.bucket.failure(error) : error;
    } finally {
      body.destroy();
    }
  }

  async #forget(sha256: string): Promise<void> {
    this.#memory.forget(sha256);
    this.#fetching.delete(sha256);
    await this.#parts.disk.remove(sha256);
  }
}
