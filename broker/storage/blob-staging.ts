import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { FirmwireError } from '../../core/errors.js';
import type { KeyedLock } from '../../core/keyed-lock.js';
import type { StagedBlob } from '../../core/ports.js';
import { removeIfOld } from './blob-files.js';
import { asStorageFull } from './disk-full.js';

/** Bytes in a temporary file of their own, on stable storage. */
export interface Received {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  readonly head: Uint8Array;
}

/** The source goes on existing when we stop early: only its owner knows what has to become of it. */
function pieces(source: Readable | Uint8Array): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return source instanceof Uint8Array ? [source] : source.iterator({ destroyOnReturn: false });
}

async function write(
  file: FileHandle,
  source: Readable | Uint8Array,
  limit: number,
  headBytes: number,
): Promise<Omit<Received, 'path'>> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  const head: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces(source)) {
    if (size + piece.length > limit) throw new FirmwireError('image_too_large');
    if (size < headBytes) head.push(Uint8Array.prototype.slice.call(piece, 0, headBytes - size));
    size += piece.length;
    sha256.update(piece);
    md5.update(piece);
    // Unlike `write`, this goes on after a partial write.
    await file.appendFile(piece);
  }
  await file.sync();
  return { size, sha256: sha256.digest('hex'), md5: md5.digest('hex'), head: Buffer.concat(head) };
}

/** Where staged bytes go when they are kept. */
export interface Home {
  /** Held by digest while bytes are kept. */
  readonly lock: KeyedLock;
  /** Durable. Takes over the file of these bytes: moves it and calls `Staging.moved`, or leaves it to be discarded. */
  keep(received: Received): Promise<void>;
  /** All bytes, once they are kept. */
  read(received: Received): Promise<Buffer>;
}

/** A directory of temporary files in which bytes arrive. */
export class Staging {
  /** Paths of what was received here and is neither moved nor discarded. */
  readonly #live = new Set<string>();
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Makes the directory if it is missing. */
  static async open(dir: string): Promise<Staging> {
    await mkdir(dir, { recursive: true });
    return new Staging(dir);
  }

  /** As `BlobStore.stage`, for bytes that will be kept in `home`. */
  async stage(
    home: Home,
    source: Readable | Uint8Array,
    limit: number,
    headBytes: number,
  ): Promise<StagedBlob> {
    const received = await this.receive(source, limit, headBytes);
    const { path, ...facts } = received;
    let kept = false;
    return {
      ...facts,
      read: () => (kept ? home.read(received) : readFile(path)),
      keep: () =>
        home.lock.acquire(facts.sha256, async () => {
          if (!kept) await home.keep(received);
          kept = true;
        }),
      discard: () => this.discard(path),
    };
  }

  /**
   * Receives bytes into a new file.
   * @throws FirmwireError `image_too_large` past `limit` bytes, `storage_full`, or what the source or the disk reports;
   * the file is gone then
   */
  async receive(source: Readable | Uint8Array, limit: number, headBytes: number): Promise<Received> {
    const path = join(this.#dir, randomUUID());
    this.#live.add(path);
    try {
      const file = await open(path, 'wx');
      try {
        return { path, ...(await write(file, source, limit, headBytes)) };
      } finally {
        await file.close();
      }
    } catch (error) {
      await this.discard(path);
      throw asStorageFull(error);
    }
  }

  /** To be called once the file has got another name. */
  moved(path: string): void {
    this.#live.delete(path);
  }

  /** Removes a file; harmless if it was moved. */
  async discard(path: string): Promise<void> {
    await rm(path, { force: true });
    this.#live.delete(path);
  }

  /** Removes files of a process that died, if they are older than `graceMs`. Returns how many. */
  async clean(graceMs: number): Promise<number> {
    let removed = 0;
    for (const name of await readdir(this.#dir)) {
      const path = join(this.#dir, name);
      if (!this.#live.has(path) && (await removeIfOld(path, graceMs))) removed += 1;
    }
    return removed;
  }
}
