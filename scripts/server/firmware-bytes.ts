import { join } from 'node:path';
import { GRACE_MS } from '../../broker/storage/blob-files.js';
import { openBlobs } from '../../broker/storage/blobs.js';
import type { DiskRoom } from '../../broker/storage/disk-full.js';
import { FirmwireError } from '../../core/errors.js';
import type { BlobStore, Log } from '../../core/ports.js';
import type { Settings } from '../config/schema.js';

/**
 * Opens the place where firmware bytes lie: a directory of this server's own, one that several nodes share, or a bucket.
 * A bucket that cannot be reached is said in the log, and served once it can.
 * @param room of the disk, where something is known of it
 * @throws FirmwireError `config_invalid` if the bucket's server was reached and refuses us, or half a key pair is set
 */
export async function openFirmwareBytes(settings: Settings, log: Log, room?: DiskRoom): Promise<BlobStore> {
  const { data, downloads, firmware, storage } = settings;
  const dir = firmware.dir || join(data, 'firmware');
  if (firmware.s3.bucket !== '') return openBucket(dir, settings, log);
  const isOurs = firmware.dir === '' && storage === 'embedded';
  return openBlobs(dir, downloads.cacheBytes, isOurs ? 0 : GRACE_MS, room);
}

async function openBucket(dir: string, { downloads, firmware }: Settings, log: Log): Promise<BlobStore> {
  const { cacheBytes: diskBytes, ...where } = firmware.s3;
  if ((where.accessKeyId === '') !== (where.secretAccessKey === ''))
    throw new FirmwireError(
      'config_invalid',
      'firmware.s3.accessKeyId, firmware.s3.secretAccessKey: set both, or neither',
    );
  // Only here: the SDK takes a quarter of a second to load.
  const { openS3, StoreFailure } = await import('../../broker/storage/s3/index.js');
  const store = await openS3({ ...where, dir, diskBytes, memoryBytes: downloads.cacheBytes }, log);
  try {
    await store.check();
    log.info({ place: store.place }, 'firmware lies in a bucket');
  } catch (err) {
    if (!(err instanceof StoreFailure)) throw err;
    if (err.refused) throw new FirmwireError('config_invalid', `firmware.s3: ${err.message}`);
    log.error({ err }, 'the bucket cannot be reached: until it can, firmware is served from the cache only');
  }
  return store.blobs;
}
