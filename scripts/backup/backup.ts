import { access } from 'node:fs/promises';
import { FirmwireError } from '../../core/errors.js';
import type { Firmware } from '../../core/firmware.js';
import type { BlobStore, StoreEntry, Stores } from '../../core/ports.js';
import { ClientError } from '../client/errors.js';
import type { Settings } from '../config/schema.js';
import { embeddedFile } from '../server/stores.js';
import { bytesName, type Counts, linesName, MANIFEST, newManifest, noCounts } from './format.js';
import { type OpenedStores, openForMoving } from './opened.js';
import { type Kind, toLine } from './records.js';
import { BackupWriter } from './writer.js';

/** What a file of lines holds at most; one longer line is one file. */
const LINES = 1000;
const LINES_CHARS = 1024 * 1024;

/** What has been backed up or restored. */
export interface Moved {
  readonly counts: Counts;
  /** Of the file. */
  readonly bytes: number;
}

export interface BackupOptions {
  /** Replace the file if it is there. */
  readonly force: boolean;
  /** The version of Firmwire. */
  readonly version: string;
  /** The time, ms. */
  readonly now: number;
  /** Ends it; nothing is left behind then. */
  readonly signal: AbortSignal;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Where the records and the bytes are. */
export type Source = Pick<OpenedStores, 'stores' | 'blobs'> & { readonly kind: string };

/**
 * Writes everything that is in the configured store into one file; a server may run beside it.
 * @throws ClientError if the file is there, or there is nothing to back up; FirmwireError `firmware_damaged`,
 * `store_restoring`; whatever the disk says
 */
export async function backUp(settings: Settings, path: string, options: BackupOptions): Promise<Moved> {
  if (!options.force && (await exists(path)))
    throw new ClientError(`${path} is there already; --force replaces it`);
  if (settings.storage === 'embedded' && !(await exists(embeddedFile(settings))))
    throw new ClientError(`${settings.data} holds no store; say which data folder (--data DIR)`);
  const opened = await openForMoving(settings);
  try {
    return await writeBackup(opened, path, options);
  } finally {
    await opened.close();
  }
}

/** The same for stores that are open. Replaces the file if it is there. */
export async function writeBackup(
  { kind, stores, blobs }: Source,
  path: string,
  { version, now, signal }: Omit<BackupOptions, 'force'>,
): Promise<Moved> {
  // An empty backup would take the place of a good one.
  if (await stores.archive.isEmpty())
    throw new ClientError('the store is empty: there is nothing to back up');
  const manifest = newManifest(version, { id: await stores.archive.id(), kind }, now);
  const writer = new BackupWriter(path, now, signal);
  try {
    await writer.add(MANIFEST, Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`));
    const backup = new Backup(writer, stores, blobs);
    for await (const entry of stores.archive.export()) await backup.add(entry);
    return await backup.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** Gathers records to files of lines, and puts firmware bytes before the records that name them. */
class Backup {
  readonly #counts = noCounts();
  readonly #writer: BackupWriter;
  readonly #stores: Stores;
  readonly #blobs: BlobStore;
  readonly #copied = new Set<string>();
  #kind: Kind | undefined;
  #number = 0;
  #lines: string[] = [];
  #chars = 0;

  constructor(writer: BackupWriter, stores: Stores, blobs: BlobStore) {
    this.#writer = writer;
    this.#stores = stores;
    this.#blobs = blobs;
  }

  async add(entry: StoreEntry): Promise<void> {
    if (entry.kind !== this.#kind) {
      await this.#flush();
      this.#kind = entry.kind;
      this.#number = 0;
    }
    if (entry.kind === 'firmware' && !(await this.#copy(entry.value))) return;
    const line = `${toLine(entry)}\n`;
    if (this.#lines.length === LINES || this.#chars + line.length > LINES_CHARS) await this.#flush();
    this.#lines.push(line);
    this.#chars += line.length;
    this.#counts[entry.kind] += 1;
  }

  async finish(): Promise<Moved> {
    await this.#flush();
    return { counts: this.#counts, bytes: await this.#writer.finish(this.#counts) };
  }

  async #flush(): Promise<void> {
    if (this.#kind === undefined || this.#lines.length === 0) return;
    const text = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#chars = 0;
    this.#number += 1;
    await this.#writer.add(linesName(this.#kind, this.#number), text);
  }

  /** Copies the bytes, once. False if this firmware has been withdrawn meanwhile. */
  async #copy(firmware: Firmware): Promise<boolean> {
    const { sha256, size } = firmware;
    if (this.#copied.has(sha256)) return true;
    const pieces = this.#blobs.open(sha256, 0, size)[Symbol.asyncIterator]();
    let first: IteratorResult<Uint8Array>;
    try {
      first = await pieces.next();
    } catch (cause) {
      if (!(await this.#stores.firmware.get(firmware.id))) return false;
      throw damaged(firmware, 'cannot be read', cause);
    }
    const content = async function* () {
      if (!first.done) yield first.value;
      yield* { [Symbol.asyncIterator]: () => pieces };
    };
    const digest = await this.#writer.addStream(bytesName(sha256), size, exactly(firmware, content()));
    if (digest !== sha256) throw damaged(firmware, 'are not what they were');
    this.#copied.add(sha256);
    this.#counts.bytes += 1;
    return true;
  }
}

async function* exactly(firmware: Firmware, content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let size = 0;
  for await (const piece of content) {
    size += piece.length;
    yield piece;
  }
  if (size !== firmware.size) throw damaged(firmware, `are ${size} in place of ${firmware.size}`);
}

const damaged = ({ id, version }: Firmware, what: string, cause?: unknown): FirmwireError =>
  new FirmwireError(
    'firmware_damaged',
    `The bytes of firmware ${id} (version ${version}) ${what}. Withdraw it, then back up again.`,
    { cause },
  );
