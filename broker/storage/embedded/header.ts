import { open } from 'node:fs/promises';
import { damaged } from './damaged.js';

/** Where LMDB's first page says what it is: after the page header, the magic number and then the version. */
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;
const VERSION_AT = 28;
const VERSION = 2;
const PAGE = 4096;
/** Two meta pages and the first page of data. */
const SMALLEST = 3 * PAGE;

/**
 * Looks at a database file before LMDB maps it: lmdb 3.5.6 ends the process with SIGSEGV on a file of another kind,
 * and takes an empty one for a new database.
 *
 * @returns false if there is no such file yet
 * @throws FirmwireError `store_damaged` that says what the file is not, and what to do; Error if it is of another version
 */
export async function checkHeader(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return false;
  try {
    const { size } = await file.stat();
    if (size === 0)
      throw damaged(path, 'is empty: it was cut off, or another process is creating it just now');
    const head = Buffer.alloc(MAGIC_AT + 8);
    await file.read(head, 0, head.length, 0);
    if (head.readUInt32LE(MAGIC_AT) !== MAGIC)
      throw damaged(path, 'is not an LMDB database, or its beginning is damaged');
    if ((head.readUInt32LE(VERSION_AT) & 0xffff) !== VERSION)
      throw new Error(`${path} is an LMDB database of another version of LMDB.`);
    if (size < SMALLEST) throw damaged(path, `was cut off: it has only ${size} bytes`);
    return true;
  } finally {
    await file.close();
  }
}
