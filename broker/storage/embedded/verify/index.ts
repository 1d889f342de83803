import { damaged } from '../damaged.js';
import { Damage, type Meta, PageFile, type Tree } from './page-file.js';
import { type Entry, Walk } from './walk.js';

/** So often it is looked at anew if somebody writes to it meanwhile. */
const TRIES = 5;
/** Free pages that may be missing at the end of the file: far more than LMDB ever leaves out. */
const MOST_MISSING = 1_000_000;
const WORD = 8;
const TRUE = Buffer.from('true');
/** Its keys and values are bytes of others. */
const OF_BYTES: ReadonlySet<string> = new Set(['retained']);
/** Nothing is decided on it, and there may be a hundred lines for each device: of it the way to the lines is looked at. */
const TOO_MUCH: ReadonlySet<string> = new Set(['history']);

/**
 * Looks at a store before LMDB maps it, which ends the process without a word behind the end of a file that was cut off, and
 * takes a page of zeros for an empty one: every page that is in use is there, is what it says, and is used once; no
 * entry of a table is missing; every record can be read. What LMDB has no sum for, a letter in a text, is not noticed.
 * @param path of a file whose header is in order (`checkHeader`)
 * @throws FirmwireError `store_damaged`
 */
export function verifyStore(path: string): void {
  for (let left = TRIES; ; left--) {
    const wrong = lookAt(path);
    if (wrong === undefined) return;
    if (!wrong.isChanging) throw damaged(path, `is damaged: ${wrong.message}`);
    // Pages that nobody used when it began may be used for something else by now; it serves somebody well meanwhile.
    if (left === 1) return;
  }
}

function lookAt(path: string): { message: string; isChanging: boolean } | undefined {
  let file: PageFile | undefined;
  let meta: Meta | undefined;
  try {
    file = new PageFile(path);
    meta = file.meta();
    verify(file, meta);
    return undefined;
  } catch (error) {
    // A number that leads out of everything is damage, too.
    if (!(error instanceof Damage || error instanceof RangeError)) throw error;
    return { message: error.message, isChanging: file !== undefined && hasChanged(file, meta) };
  } finally {
    file?.close();
  }
}

function hasChanged(file: PageFile, before: Meta | undefined): boolean {
  try {
    return file.meta().transaction !== before?.transaction;
  } catch {
    return false;
  }
}

function verify(file: PageFile, meta: Meta): void {
  if (meta.lastPage > file.pages + MOST_MISSING)
    throw new Damage(`it was cut off: its page ${meta.lastPage} is missing`);
  const walk = new Walk(file, Math.max(meta.lastPage, file.pages));
  const tables: [name: string, tree: Tree][] = [];
  walk.tree(meta.main, ({ key, tree }) => {
    if (tree) tables.push([key.toString('latin1').replaceAll('\0', ''), tree]);
  });
  for (const [name, tree] of tables) walk.tree(tree, TOO_MUCH.has(name) ? undefined : readerOf(name));
  verifyFree(file, meta, walk);
}

/** Reads every value of a table, as whoever asks for it will. */
function readerOf(table: string): (entry: Entry) => void {
  if (OF_BYTES.has(table)) return () => {};
  return ({ value }) => {
    // What stands in an index.
    if (value.equals(TRUE)) return;
    try {
      JSON.parse(value.toString());
    } catch {
      throw new Damage(`a record in its table "${table}" cannot be read`);
    }
  };
}

/** Free pages are used by nobody; and only they may be missing at the end of the file. */
function verifyFree(file: PageFile, { free, lastPage }: Meta, walk: Walk): void {
  const missing = new Set<number>();
  for (let page = file.pages; page <= lastPage; page++) missing.add(page);
  // Each a list of pages: how many, then which (midl.h), under the number of the transaction that left them.
  const look = ({ value }: Entry): void => {
    for (let at = WORD; at + WORD <= value.length; at += WORD) {
      const page = Number(value.readBigInt64LE(at));
      if (walk.isUsed(page)) throw new Damage(`its page ${page} is in use, and free`);
      missing.delete(page);
    }
  };
  walk.tree(free, look, 'numbers');
  const [first] = missing;
  if (first !== undefined) throw new Damage(`it was cut off: its page ${first} is missing`);
}
