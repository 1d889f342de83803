import { join } from 'node:path';
import type { Log } from '../../../core/ports.js';
import { GRACE_MS } from '../blob-files.js';
import { Staging } from '../blob-staging.js';
import { DiskCache } from '../disk-cache.js';
import { S3Blobs } from './blobs.js';
import { type BucketOptions, FirmwareBucket, type Patience } from './bucket.js';

export { StoreFailure } from './failures.js';

/** What an S3 store of firmware bytes needs. */
export interface S3Options extends BucketOptions {
  /** A directory of this process alone: uploads are staged in it, and the cache lies there. */
  readonly dir: string;
  /** What may lie in the cache on disk. */
  readonly diskBytes: number;
  /** What may be held in memory. */
  readonly memoryBytes: number;
  /** As for `openBlobs`. */
  readonly graceMs?: number;
  readonly patience?: Patience;
}

/** Firmware bytes in a bucket. */
export interface S3Store {
  readonly blobs: S3Blobs;
  /** The bucket, for a person. */
  readonly place: string;
  /** @throws StoreFailure, saying why, if the bucket cannot be reached or refuses us */
  check(): Promise<void>;
}

/**
 * Opens a bucket of firmware bytes; asks nothing of it yet. Removes what a process that died had staged in `dir`.
 *
 * The callers' duties are those of `openBlobs`. Where the store cannot be reached, everything that needs it rejects, or
 * emits, FirmwireError `store_unavailable` within some seconds; what lies in the caches is served on, and what cannot be
 * removed is left to `clean`.
 */
export async function openS3(options: S3Options, log: Log): Promise<S3Store> {
  const { dir, diskBytes, memoryBytes, graceMs = GRACE_MS, patience, ...where } = options;
  const staging = await Staging.open(join(dir, 'staging'));
  await staging.clean(0);
  const disk = await DiskCache.open(join(dir, 'cache'), diskBytes);
  const bucket = new FirmwareBucket(where, log, patience);
  const blobs = new S3Blobs({ bucket, staging, disk, memoryBytes, graceMs });
  return { blobs, place: bucket.place, check: () => bucket.check() };
}
