import { mkdir, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { FirmwireError } from '../../core/errors.js';
import type { BlobStore, StoreEntry } from '../../core/ports.js';
import { readRuntime } from '../client/credentials.js';
import type { Settings } from '../config/schema.js';
import type { Moved } from './backup.js';
import type { Counts, Manifest } from './format.js';
import { type OpenedStores, openForMoving } from './opened.js';
import { readBackup } from './reader.js';

/**
 * Puts what a backup holds into the configured store, which must be empty. Nothing is written before the whole file has
 * been checked.
 * @param force replace all that is in the store
 * @throws FirmwireError `server_running`, `backup_invalid`, `backup_newer`, `store_not_empty`; ClientError if there is
 * no such file
 */
export async function restore(settings: Settings, path: string, force: boolean): Promise<Moved> {
  await nobodyServes(settings);
  const checked = await check(path);
  await mkdir(settings.data, { recursive: true, mode: 0o700 });
  await nobodyServes(settings);
  const opened = await openForMoving(settings, true);
  try {
    if (!force && !(await opened.stores.archive.isEmpty()))
      throw new FirmwireError(
        'store_not_empty',
        `The store ${settings.storage === 'redis' ? 'in Redis' : `in ${settings.data}`} is not empty; --force replaces all that is in it.`,
      );
    await readBack(checked, opened);
  } finally {
    await opened.close();
  }
  const { size } = await stat(path);
  return { counts: checked.counts, bytes: size };
}

/** A backup that is whole. */
export interface Checked {
  readonly path: string;
  readonly manifest: Manifest;
  readonly counts: Counts;
}

/** Replaces all that is in stores that are open. Until this has ended, by success, they are half restored. */
export async function readBack(
  { path, manifest }: Checked,
  { stores, blobs }: Pick<OpenedStores, 'stores' | 'blobs'>,
): Promise<void> {
  if (!(await stores.archive.isEmpty())) await stores.archive.clear();
  await stores.archive.import(manifest.store.id, entriesOf(path, blobs));
  await blobs.clean((sha256) => stores.firmware.isUsed(sha256));
}

/** A server would go on with what it remembers of the records that were there; nodes on Redis notice. */
async function nobodyServes({ data, storage }: Settings): Promise<void> {
  if (storage === 'redis') return;
  const runtime = await readRuntime(data);
  // After a crash the file is still there; in a container the number is soon somebody else's, perhaps ours.
  if (!runtime || runtime.pid === process.pid || !isAlive(runtime.pid)) return;
  throw new FirmwireError(
    'server_running',
    `A server (process ${runtime.pid}) is running on ${data}; stop it first.`,
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is there and somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Reads the whole file and writes nothing. Throws as `restore` does. */
export async function check(path: string): Promise<Checked> {
  let manifest: Manifest | undefined;
  for await (const part of readBackup(path)) {
    if (part.kind === 'manifest') manifest = part.manifest;
    if (part.kind === 'end' && manifest) return { path, manifest, counts: part.counts };
  }
  throw new FirmwireError('backup_invalid');
}

/** The records, in the order of the file; firmware bytes are kept on the way, before the records that name them. */
async function* entriesOf(path: string, blobs: BlobStore): AsyncIterable<StoreEntry> {
  for await (const part of readBackup(path)) {
    if (part.kind === 'record') yield part.entry;
    if (part.kind === 'bytes') await keep(blobs, part.sha256, part.content);
  }
}

async function keep(blobs: BlobStore, sha256: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const staged = await blobs.stage(Readable.from(content), Number.POSITIVE_INFINITY, 0);
  try {
    if (staged.sha256 !== sha256) throw new FirmwireError('backup_invalid');
    await staged.keep();
  } finally {
    await staged.discard();
  }
}
