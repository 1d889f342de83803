import { statfsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, type Key, open, type RootDatabase, TransactionFlags } from 'lmdb';
import { isDiskFull } from '../disk-full.js';
import { damaged } from './damaged.js';
import { type CommitDisk, GroupCommit } from './group-commit.js';
import { checkHeader } from './header.js';
import { Sequence } from './sequence.js';
import { SortedIndex } from './sorted-index.js';
import { Table } from './table.js';

const FORMAT = { name: 'firmwire', version: 1 };
/** What the environment is; everything else is what it holds. */
export const FORMAT_TABLE = 'format';

/** Address space reserved at the start, not disk: up to here no remapping. LMDB doubles it whenever it is used up. */
const MAP_BYTES = 2 ** 30;

/**
 * Both of these are on by default, and both were found to do harm in lmdb 3.5.6 and no good:
 * - `overlappingSync`: if another process is killed while it flushes, the next write here fails with MDB_PANIC, so do
 *   all after it, and the process cannot even end. Without it all that was written at one time shares one flush.
 * - `eventTurnBatching`: when a commit fails on a full disk, a promise inside lmdb to which nobody can listen is
 *   rejected as well, and that ends the process.
 */
const OPTIONS = {
  encoding: 'json',
  noSubdir: false,
  maxDbs: 32,
  compression: false,
  overlappingSync: false,
  eventTurnBatching: false,
} as const;

/** errno(3). */
const EIO = 5;
/** More than LMDB writes in one go. */
const ROOM_FOR_A_WRITE = 2 ** 20;

/** A write of LMDB's that fits in part is an I/O error to it (mdb_page_flush, "short write, filesystem full?"). */
function saysFull(error: unknown, dir: string): boolean {
  if (isDiskFull(error)) return true;
  if (!(error instanceof Error && 'code' in error && error.code === EIO)) return false;
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize < ROOM_FOR_A_WRITE;
}

/** Says of LMDB's own errors while opening which file they are about. */
function explained(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith('MDB_')) return error;
  return damaged(path, `cannot be opened, perhaps it is damaged: ${error.message}`, error);
}

/**
 * One LMDB environment: the file `data.mdb` in a directory of its own. Several processes may have it open. Values are
 * JSON: read faster than msgpack here (5 against 8 us for a device), members that are undefined are simply absent,
 * a damaged value fails to parse instead of being believed, and any LMDB tool shows it.
 */
export class Environment {
  private state: 'open' | 'closing' | 'closed' = 'open';
  private closed: Promise<void> | undefined;
  /** LMDB goes on reading one snapshot for a whole turn of the event loop; taking a new one costs nothing measurable. */
  private readonly guard = (): void => {
    if (this.state === 'closed') throw new Error('The store is closed.');
    this.root.resetReadTxn();
  };

  private readonly writes: GroupCommit;
  /** What has been opened here, but for the format. */
  private readonly contents = new Map<string, Pick<Database, 'getKeys' | 'clearSync'>>();

  private constructor(
    private readonly root: RootDatabase<unknown, Key>,
    disk: CommitDisk,
  ) {
    this.writes = new GroupCommit(root, disk);
  }

  /**
   * Opens or makes the environment in this directory, and in it what `make` asks for, as one step: a new environment
   * waits for the disk once, and never has a part of its tables. Not while the same process writes to it through another
   * `Environment`: this step holds up the thread until it may write, and that write waits for the thread.
   * @param makeRoom called when the disk is full; true: there is room now, and the write is tried again
   * @param mapSize bytes of address space to begin with
   * @throws FirmwireError `store_damaged` if LMDB can tell, Error if it is not ours or was written by a newer version
   */
  static async open<T>(
    dir: string,
    make: (environment: Environment) => T,
    makeRoom: () => boolean = () => false,
    mapSize = MAP_BYTES,
  ): Promise<T> {
    await mkdir(dir, { recursive: true });
    const path = join(dir, 'data.mdb');
    await checkHeader(path);
    let environment: Environment | undefined;
    try {
      const opened = new Environment(open<unknown, Key>(dir, { ...OPTIONS, mapSize }), {
        isFull: (error) => saysFull(error, dir),
        makeRoom,
      });
      environment = opened;
      return opened.root.transactionSync(() => {
        opened.claim(path);
        return make(opened);
      }, TransactionFlags.SYNCHRONOUS_COMMIT);
    } catch (error) {
      await environment?.close();
      throw explained(path, error);
    }
  }

  table<V extends NonNullable<unknown>>(name: string): Table<V> {
    const db = this.root.openDB<string, string>(name, { encoding: 'string' });
    return new Table(this.remember(name, db), this.guard);
  }

  sequence<V>(name: string): Sequence<V> {
    const db = this.root.openDB<string, Key>(name, { encoding: 'string' });
    return new Sequence(this.remember(name, db), this.guard);
  }

  index(name: string): SortedIndex {
    const db = this.root.openDB<true, Key>(name, { encoding: 'json' });
    return new SortedIndex(this.remember(name, db), this.guard);
  }

  /** Keys and values that are bytes. Write within `write` only. */
  bytes(name: string): Database<Buffer, Buffer> {
    const db = this.root.openDB<Buffer, Buffer>(name, { encoding: 'binary', keyEncoding: 'binary' });
    return this.remember(name, db);
  }

  /** True if there is nothing in any table or index that was opened here. */
  isEmpty(): boolean {
    this.guard();
    return [...this.contents.values()].every((db) => Array.from(db.getKeys({ limit: 1 })).length === 0);
  }

  /** Removes all that is in the tables and indexes that were opened here. Only within `write`. */
  clear(): void {
    for (const db of this.contents.values()) db.clearSync();
  }

  /** Goes before each read of what `bytes` gave. @throws Error once closed */
  beforeRead(): void {
    this.guard();
  }

  /**
   * Runs `action` as the only writer of all processes and resolves once what it wrote is on stable storage. Readers may
   * see it a little earlier. If it throws, nothing of it was written. Read within it whatever decides about the write;
   * it may be called more than once. Rejects with FirmwireError `storage_full` if there is no room on the disk.
   * @param lazy nobody waits for it: it may be held back for some ms
   */
  write<T>(action: () => T, lazy = false): Promise<T> {
    if (this.state !== 'open') return Promise.reject(new Error('The store is closed.'));
    return this.writes.add(action, lazy);
  }

  /** Resolves once everything written before is on stable storage. */
  flushed(): Promise<void> {
    // Commits are made in the order in which they were asked for.
    return this.write(() => undefined);
  }

  /** Finishes what was begun and closes the file. May be called again. */
  close(): Promise<void> {
    this.closed ??= this.finish();
    return this.closed;
  }

  private async finish(): Promise<void> {
    const last = this.flushed();
    this.state = 'closing';
    // Whose write has failed was told.
    await last.catch(() => undefined);
    this.state = 'closed';
    await this.root.close();
  }

  private remember<D extends Pick<Database, 'getKeys' | 'clearSync'>>(name: string, db: D): D {
    if (name !== FORMAT_TABLE) this.contents.set(name, db);
    return db;
  }

  /** Makes a new environment ours, or checks that an old one is. */
  private claim(path: string): void {
    const names = Array.from(this.root.getKeys(), String);
    if (names.length > 0 && !names.includes(FORMAT_TABLE))
      throw new Error(`${path} is an LMDB database of another program.`);
    const format = this.table<typeof FORMAT>(FORMAT_TABLE);
    const found = format.get('format');
    if (!found) format.put('format', FORMAT);
    else if (found.name !== FORMAT.name) throw new Error(`${path} is an LMDB database of another program.`);
    else if (found.version > FORMAT.version)
      throw new Error(`${path} was written by a newer version of Firmwire (format ${found.version}).`);
  }
}
