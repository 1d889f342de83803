import { open, rm, stat } from 'node:fs/promises';
import { sha256 as digestOf } from '../../core/account.js';
import { FirmwireError } from '../../core/errors.js';

/** Larger pieces cost memory per download, smaller ones CPU: 16 KiB took 2.5 times as much. */
export const READ_BYTES = 64 * 1024;

/**
 * How long bytes without a record, and staged bytes of another process, are left alone: between `keep` and the record
 * there is a moment, and another process may be in it.
 */
export const GRACE_MS = 60 * 60 * 1000;

const DIGEST = /^[0-9a-f]{64}$/;

/** True for the names that firmware bytes have; whatever else lies beside them is not ours. */
export const isDigest = (name: string): boolean => DIGEST.test(name);

/** The same text. Throws Error for anything that is no SHA-256: it becomes part of a path. */
export function checkDigest(sha256: string): string {
  if (!isDigest(sha256)) throw new Error(`Not a SHA-256: ${sha256}`);
  return sha256;
}

/** A device would refuse damaged bytes by their MD5, and ask again for ever. `place` says where they came from. */
export function checkBytes(bytes: Buffer, sha256: string, place: string): Buffer {
  if (digestOf(bytes) !== sha256) throw damaged(place);
  return bytes;
}

/** What is said of bytes that are not what they were. */
export const damaged = (place: string): Error =>
  new Error(`${place} is damaged: its bytes do not match its name.`);

/** What is said of bytes that a record points to and nobody has. */
export const bytesGone = (cause: unknown): FirmwireError =>
  new FirmwireError('firmware_not_found', 'The bytes of this firmware are gone.', { cause });

/** True if a file operation failed because there is no such file. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** False if the file is too young, or gone. With `graceMs` 0 no file is too young. */
export async function removeIfOld(path: string, graceMs: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    // Without grace the clock is not asked: it counts whole ms, a file's time does not, and either may have been set.
    if (graceMs > 0 && Date.now() - mtimeMs < graceMs) return false;
    await rm(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
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
