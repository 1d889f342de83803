import type { Readable } from 'node:stream';

/** Bytes that arrived and wait to be kept. */
export interface StagedBlob {
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  /** The first bytes, at most as many as were asked for. */
  readonly head: Uint8Array;
  /** All bytes, read back. */
  read(): Promise<Buffer>;
  /** Durable. Makes the bytes available under their digest. */
  keep(): Promise<void>;
  /** Forgets the bytes; harmless after `keep`. */
  discard(): Promise<void>;
}

/**
 * Firmware bytes, named by their SHA-256. Where they lie on another machine, everything that needs it rejects with, or
 * emits, FirmwireError `store_unavailable` while it is away; `remove` leaves them to `clean` then.
 */
export interface BlobStore {
  /**
   * Receives bytes without holding them all in memory.
   * @throws FirmwireError `image_too_large` past `limit` bytes; nothing is left behind then
   */
  stage(source: Readable | Uint8Array, limit: number, headBytes: number): Promise<StagedBlob>;
  /** Small enough bytes that are held in memory anyway; undefined if they have to be streamed. */
  cached(sha256: string, size: number): Promise<Buffer | undefined>;
  /** The bytes from `start` to `end`, exclusive. Emits an error if there are none. */
  open(sha256: string, start: number, end: number): Readable;
  remove(sha256: string): Promise<void>;
  /** Removes staged bytes of a process that died, and bytes for which `isUsed` is false. Returns how many. */
  clean(isUsed: (sha256: string) => Promise<boolean>): Promise<number>;
}
