import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { KeyedLock } from '../../core/keyed-lock.js';
import type { BlobStore, StagedBlob } from '../../core/ports.js';
import { BlobCache } from './blob-cache.js';
import { receive, syncDirectory } from './blob-staging.js';

/** Larger pieces cost memory per download, smaller ones CPU: 16 KiB took 2.5 times as much. */
const READ_BYTES = 64 * 1024;

/**
 * How long bytes without a record, and staged bytes of another process, are left alone: between `keep` and the record
 * there is a moment, and another process (the command line) may be in it.
 */
const GRACE_MS = 60 * 60 * 1000;

const DIGEST = /^[0-9a-f]{64}$/;

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

class Blobs implements BlobStore {
  private readonly cache: BlobCache;
  /** Held by digest: what `clean` found out must still hold when it removes. */
  private readonly lock = new KeyedLock();
  /** Paths of what was staged here and is neither kept nor discarded. */
  private readonly live = new Set<string>();

  constructor(
    private readonly dir: string,
    private readonly staging: string,
    cacheBytes: number,
    private readonly graceMs: number,
  ) {
    this.cache = new BlobCache(cacheBytes);
  }

  async stage(source: Readable | Uint8Array, limit: number, headBytes: number): Promise<StagedBlob> {
    const { path, ...facts } = await receive(this.staging, this.live, source, limit, headBytes);
    const { sha256 } = facts;
    let kept = false;
    return {
      ...facts,
      read: () => readFile(kept ? this.path(sha256) : path),
      keep: () =>
        this.lock.acquire(sha256, async () => {
          if (!kept) await this.keep(path, sha256);
          kept = true;
        }),
      discard: async () => {
        this.live.delete(path);
        await rm(path, { force: true });
      },
    };
  }

  async cached(sha256: string, size: number): Promise<Buffer | undefined> {
    return this.cache.get(sha256, size, this.path(sha256));
  }

  open(sha256: string, start: number, end: number): Readable {
    if (start >= end) return Readable.from([]);
    return createReadStream(this.path(sha256), { start, end: end - 1, highWaterMark: READ_BYTES });
  }

  async remove(sha256: string): Promise<void> {
    await this.lock.acquire(sha256, async () => {
      this.cache.forget(sha256);
      await rm(this.path(sha256), { force: true });
    });
  }

  async clean(isUsed: (sha256: string) => Promise<boolean>): Promise<number> {
    let removed = 0;
    for (const name of await readdir(this.staging)) {
      const path = join(this.staging, name);
      if (!this.live.has(path) && (await removeIfOld(path, this.graceMs))) removed += 1;
    }
    for (const name of await readdir(this.dir)) {
      if (!DIGEST.test(name)) continue;
      const unused = async () => !(await isUsed(name)) && (await removeIfOld(this.path(name), this.graceMs));
      if (await this.lock.acquire(name, unused)) removed += 1;
    }
    return removed;
  }

  private async keep(path: string, sha256: string): Promise<void> {
    const now = new Date();
    await utimes(path, now, now);
    await rename(path, this.path(sha256));
    this.live.delete(path);
    await syncDirectory(this.dir);
  }

  private path(sha256: string): string {
    if (!DIGEST.test(sha256)) throw new Error(`Not a SHA-256: ${sha256}`);
    return join(this.dir, sha256);
  }
}

/** False if the file is too young, or gone. */
async function removeIfOld(path: string, graceMs: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < graceMs) return false;
    await rm(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * Opens a directory of firmware bytes; makes it if it is missing. At most `cacheBytes` of them are held in memory.
 *
 * So that no record points to nothing, a caller holds one lock per digest both around `keep` and storing the record,
 * and around removing the record, asking whether another uses the bytes, and `remove`. Where another process may be
 * storing a record just then, leave the removal to `clean`: it spares what was kept within the last `graceMs`, an hour;
 * 0 is for a directory that is this process's alone.
 *
 * `stage` neither drains nor destroys a stream of which it did not want the rest: its owner does. `cached` rejects
 * with FirmwireError `firmware_not_found` if there are no such bytes, and with Error if they are not what they were.
 * Nobody may write to the Buffer it gives.
 */
export async function openBlobs(dir: string, cacheBytes: number, graceMs = GRACE_MS): Promise<BlobStore> {
  const staging = join(dir, 'staging');
  await mkdir(staging, { recursive: true });
  return new Blobs(dir, staging, cacheBytes, graceMs);
}
