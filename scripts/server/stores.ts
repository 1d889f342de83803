import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RetainedStore } from '../../broker/retained.js';
import { type DiskRoom, UNKNOWN_ROOM } from '../../broker/storage/disk-full.js';
import { checkEmbedded, openEmbedded } from '../../broker/storage/embedded/index.js';
import { openRedis } from '../../broker/storage/redis/index.js';
import type { RedisLink } from '../../broker/storage/redis/link.js';
import { redisOptions } from '../../broker/storage/redis/url.js';
import { Reserve } from '../../broker/storage/reserve.js';
import { FirmwireError } from '../../core/errors.js';
import type { Log, Stores } from '../../core/ports.js';
import type { Settings } from '../config/schema.js';
import { credentialsPath, readStoreId, writeStoreId } from './state-files.js';

const SECOND = 1000;

/** What stores are opened for; `use` is what programs do beside a server. */
export type Purpose = 'serve' | 'use' | 'restore';

/** The stores, whichever they are. */
export interface OpenStores extends Stores {
  readonly retained: RetainedStore;
  /** Absent: they are embedded. */
  readonly link: RedisLink | undefined;
  /** What is known of the room on the disk. */
  readonly room: DiskRoom & { readonly isHeld: boolean };
}

/** Where the embedded store lies; whoever must not make a new one looks for it there. */
export const embeddedFile = ({ data }: Settings): string => join(data, 'store', 'data.mdb');

/**
 * Opens the stores that the settings name, and makes the data folder.
 * @param purpose `serve`: an embedded store is looked at first, and must not be missing where a server has run before; `restore`:
 * whatever Redis holds, and even if a restore has not ended, it is to be replaced
 * @throws Error if they cannot be opened; FirmwireError `config_invalid` for a `redis.url` that cannot be used,
 * `store_restoring` if it is not for that; to serve, `store_damaged` and `store_lost`
 */
export async function openStores(
  settings: Settings,
  log: Log,
  purpose: Purpose = 'use',
): Promise<OpenStores> {
  const toRestore = purpose === 'restore';
  const { data, storage, redis } = settings;
  await mkdir(data, { recursive: true, mode: 0o700 });
  if (storage === 'embedded') {
    if (purpose === 'serve') await mustBeThere(data);
    return openWithReserve(settings, log, toRestore);
  }
  const options = {
    redis: redisOptions(redis.url),
    commandMs: redis.commandSeconds * SECOND,
    replicas: redis.replicas,
    log,
  };
  const room = { ...UNKNOWN_ROOM, isHeld: true };
  if (toRestore) return { ...(await openRedis({ ...options, isAccepted: true }, true)), room };
  const known = await readStoreId(data);
  return { ...(await openRedis({ ...options, known, remember: (id) => writeStoreId(data, id) })), room };
}

/** A fleet that was lost must not look like one that never was. */
async function mustBeThere(data: string): Promise<void> {
  if (await checkEmbedded(join(data, 'store'))) return;
  const isNew = await access(credentialsPath(data)).then(
    () => false,
    () => true,
  );
  if (!isNew)
    throw new FirmwireError(
      'store_lost',
      `A server has run in ${data}, and its store is gone. Put a backup in its place: firmwire restore FILE. Or begin anew without devices and keys: remove credentials.json.`,
    );
}

/** The embedded store, and room on its disk for what must be stored. */
async function openWithReserve(
  { data, disk, housekeeping }: Settings,
  log: Log,
  toRestore: boolean,
): Promise<OpenStores> {
  const room = await Reserve.open(join(data, 'reserve'), disk.reserveBytes, log);
  const stores = await openEmbedded(join(data, 'store'), toRestore, () => room.make());
  const timer = setInterval(() => void room.take(), housekeeping.sweepSeconds * SECOND).unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await stores.close();
  };
  return { ...stores, close, link: undefined, room };
}
