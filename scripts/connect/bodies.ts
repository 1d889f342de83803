import { type FileHandle, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { READ_BYTES } from '../../broker/storage/blob-files.js';
import { Staging } from '../../broker/storage/blob-staging.js';
import { DiskCache } from '../../broker/storage/disk-cache.js';
import type { Span } from '../../core/coverage.js';
import { KeyedLock } from '../../core/keyed-lock.js';
import type { Log } from '../../core/ports.js';
import { type Fetch, Flight, UplinkLost } from './flight.js';
import type { Limits } from './limits.js';

/** Which body, and what of it. */
export interface Wanted {
  readonly sha256: string;
  readonly size: number;
  readonly span: Span;
}

/** Files that were being written when a gateway died are gone at the next start. */
const NO_GRACE_MS = 0;

/** Firmware bodies by their digest: from the disk, or from the uplink, and then for everybody. */
export class Bodies {
  readonly #disk: DiskCache;
  readonly #staging: Staging;
  readonly #limits: Pick<Limits, 'sharedBytes' | 'flyingBytes'>;
  readonly #log: Log;
  readonly #flights = new Map<string, Flight>();
  readonly #keeping = new Set<Promise<void>>();
  /** Held by digest while it is decided where bytes come from. */
  readonly #lock = new KeyedLock();
  #flying = 0;

  private constructor(disk: DiskCache, staging: Staging, limits: Limits, log: Log) {
    this.#disk = disk;
    this.#staging = staging;
    this.#limits = limits;
    this.#log = log;
  }

  /** @param dir this process's alone @param maxBytes how much may lie there */
  static async open(dir: string, maxBytes: number, limits: Limits, log: Log): Promise<Bodies> {
    await mkdir(dir, { recursive: true });
    const staging = await Staging.open(join(dir, 'staging'));
    await staging.clean(NO_GRACE_MS);
    return new Bodies(await DiskCache.open(join(dir, 'firmware'), maxBytes), staging, limits, log);
  }

  /** The bytes of a part. The stream fails if they cannot be had. @param fetch from the uplink, if they are not here */
  read(wanted: Wanted, fetch: Fetch): Promise<Readable> {
    const { sha256, size, span } = wanted;
    return this.#lock.acquire(sha256, async () => {
      const running = this.#flights.get(sha256);
      if (running) return running.join(span, fetch);
      const file = await this.#open(sha256);
      if (file) {
        const [start, end] = span;
        return file.createReadStream({ start, end: end - 1, highWaterMark: READ_BYTES });
      }
      const { sharedBytes, flyingBytes } = this.#limits;
      if (size > sharedBytes || this.#flying + size > flyingBytes)
        return Readable.from(straight(span, fetch), { objectMode: false, highWaterMark: READ_BYTES });
      return this.#start(wanted, fetch);
    });
  }

  /** Resolves when what is being fetched now has been kept, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#keeping);
  }

  /** A disk that cannot be read is no reason to keep a device from its firmware. */
  async #open(sha256: string): Promise<FileHandle | undefined> {
    try {
      return await this.#disk.open(sha256);
    } catch (err) {
      this.#log.warn({ err, sha256 }, 'a kept firmware cannot be read');
      return undefined;
    }
  }

  #start({ sha256, size, span }: Wanted, fetch: Fetch): Readable {
    const flight = new Flight(sha256, size);
    this.#flights.set(sha256, flight);
    this.#flying += size;
    const reader = flight.join(span, fetch);
    const keeping = flight
      .landed()
      .then((bytes) => this.#keep(sha256, bytes))
      .catch((err: unknown) => this.#log.warn({ err, sha256 }, 'a firmware could not be fetched or kept'))
      .finally(() => {
        this.#flights.delete(sha256);
        this.#flying -= size;
        this.#keeping.delete(keeping);
      });
    this.#keeping.add(keeping);
    return reader;
  }

  async #keep(sha256: string, bytes: Buffer): Promise<void> {
    if (bytes.length > this.#disk.maxBytes) return;
    const { path } = await this.#staging.receive(bytes, bytes.length, 0);
    if (await this.#disk.add(sha256, bytes.length, path)) this.#staging.moved(path);
    else await this.#staging.discard(path);
  }
}

/** For one reader alone, past everything. */
async function* straight([start, end]: Span, fetch: Fetch): AsyncGenerator<Buffer> {
  let left = end - start;
  try {
    for await (const piece of await fetch(start)) {
      const part = piece.subarray(0, left);
      left -= part.length;
      yield part;
      if (left === 0) return;
    }
  } catch (cause) {
    throw new UplinkLost('the body broke off', { cause });
  }
}
