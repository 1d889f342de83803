import { createReadStream } from 'node:fs';
import { readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { FirmwireError } from '../../core/errors.js';
import { KeyedLock } from '../../core/keyed-lock.js';
import type { BlobStore, StagedBlob } from '../../core/ports.js';
import { BlobCache } from './blob-cache.js';
import {
  bytesGone,
  checkBytes,
  checkDigest,
  GRACE_MS,
  isDigest,
  isMissing,
  READ_BYTES,
  removeIfOld,
  syncDirectory,
} from './blob-files.js';
import { type Home, type Received, Staging } from './blob-staging.js';
import { asStorageFull, type DiskRoom, isDiskFull, UNKNOWN_ROOM } from './disk-full.js';

class Blobs implements BlobStore, Home {
  private readonly cache: BlobCache;
  /** Held by digest: what `clean` found out must still hold when it removes. */
  readonly lock = new KeyedLock();

  constructor(
    private readonly dir: string,
    private readonly staging: Staging,
    cacheBytes: number,
    private readonly graceMs: number,
    private readonly room: DiskRoom,
  ) {
    this.cache = new BlobCache(cacheBytes);
  }

  async stage(source: Readable | Uint8Array, limit: number, headBytes: number): Promise<StagedBlob> {
    if (!(await this.room.isLeft())) throw new FirmwireError('storage_full');
    try {
      return await this.staging.stage(this, source, limit, headBytes);
    } catch (error) {
      if (error instanceof FirmwireError && error.code === 'storage_full') this.room.ended();
      throw error;
    }
  }

  async keep({ path, sha256 }: Received): Promise<void> {
    try {
      const now = new Date();
      await utimes(path, now, now);
      await rename(path, this.path(sha256));
      this.staging.moved(path);
      await syncDirectory(this.dir);
    } catch (error) {
      if (isDiskFull(error)) this.room.ended();
      throw asStorageFull(error);
    }
  }

  read({ sha256 }: Received): Promise<Buffer> {
    return readFile(this.path(sha256));
  }

  async cached(sha256: string, size: number): Promise<Buffer | undefined> {
    const path = this.path(sha256);
    return this.cache.get(sha256, size, () => load(sha256, path));
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
    let removed = await this.staging.clean(this.graceMs);
    for (const name of await readdir(this.dir)) {
      if (!isDigest(name)) continue;
      const unused = async () => !(await isUsed(name)) && (await removeIfOld(this.path(name), this.graceMs));
      if (await this.lock.acquire(name, unused)) removed += 1;
    }
    return removed;
  }

  private path(sha256: string): string {
    return join(this.dir, checkDigest(sha256));
  }
}

async function load(sha256: string, path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw isMissing(error) ? bytesGone(error) : error;
  });
  return checkBytes(bytes, sha256, path);
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
 * Nobody may write to the Buffer it gives. What finds no room rejects with FirmwireError `storage_full`.
 */
export async function openBlobs(
  dir: string,
  cacheBytes: number,
  graceMs = GRACE_MS,
  room = UNKNOWN_ROOM,
): Promise<BlobStore> {
  const staging = await Staging.open(join(dir, 'staging'));
  return new Blobs(dir, staging, cacheBytes, graceMs, room);
}
