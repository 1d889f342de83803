import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { openBlobs } from '../../broker/storage/blobs.js';
import type { BlobStore, Log, Stores } from '../../core/ports.js';
import type { Settings } from '../config/schema.js';
import { openFirmwareBytes } from '../server/firmware-bytes.js';
import { openStores } from '../server/stores.js';

/** The stores the settings ask for, for a program beside the server or instead of it. */
export interface OpenedStores {
  readonly kind: Settings['storage'];
  readonly stores: Stores;
  readonly blobs: BlobStore;
  close(): Promise<void>;
}

/** The bytes, and what is to be done once they are needed no more. */
interface OpenedBytes {
  readonly blobs: BlobStore;
  close(): Promise<void>;
}

const nothing = async (): Promise<void> => {};

async function openBytes(settings: Settings, log: Log, toRestore: boolean): Promise<OpenedBytes> {
  const { data, downloads, firmware, storage } = settings;
  if (firmware.s3.bucket !== '') {
    // A server's own folder is emptied of what is under way by whoever opens it.
    const dir = await mkdtemp(join(tmpdir(), 'firmwire-bytes-'));
    const close = (): Promise<void> => rm(dir, { recursive: true, force: true });
    const blobs = await openFirmwareBytes({ ...settings, firmware: { ...firmware, dir } }, log);
    return { blobs, close };
  }
  const uncached = { ...settings, downloads: { ...downloads, cacheBytes: 0 } };
  // Nobody else uses it then: what no record names can go at once.
  const isAlone = toRestore && storage === 'embedded' && firmware.dir === '';
  const blobs = isAlone
    ? await openBlobs(join(data, 'firmware'), 0, 0)
    : await openFirmwareBytes(uncached, log);
  return { blobs, close: nothing };
}

/**
 * @param toRestore they are to be replaced, and a restore that has not ended may be begun anew
 * @throws FirmwireError `store_restoring` if it is not for that; as `openStores` and `openFirmwareBytes`
 */
export async function openForMoving(settings: Settings, toRestore = false): Promise<OpenedStores> {
  const log = pino({ level: 'fatal' }, pino.destination(2));
  const stores = await openStores(settings, log, toRestore ? 'restore' : 'use');
  try {
    const { blobs, close } = await openBytes(settings, log, toRestore);
    return {
      kind: settings.storage,
      stores,
      blobs,
      close: async () => {
        await stores.close();
        await close();
      },
    };
  } catch (error) {
    await stores.close();
    throw error;
  }
}
