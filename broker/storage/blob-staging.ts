import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { FirmwireError } from '../../core/errors.js';

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

/**
 * Receives bytes into a new file of this directory, whose path is in `live` from before the file exists.
 * @throws FirmwireError `image_too_large` past `limit` bytes, or what the source or the disk reports; the file and the
 * entry in `live` are gone then
 */
export async function receive(
  dir: string,
  live: Set<string>,
  source: Readable | Uint8Array,
  limit: number,
  headBytes: number,
): Promise<Received> {
  const path = join(dir, randomUUID());
  live.add(path);
  try {
    const file = await open(path, 'wx');
    try {
      return { path, ...(await write(file, source, limit, headBytes)) };
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    live.delete(path);
    throw error;
  }
}

/** Makes the names in a directory durable, as `fsync` makes the bytes of a file. */
export async function syncDirectory(dir: string): Promise<void> {
  const directory = await open(dir, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
