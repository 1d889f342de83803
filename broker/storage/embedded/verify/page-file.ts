import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The file is not what LMDB has written; the message says in which way. */
export class Damage extends Error {
  override readonly name = 'Damage';
}

/** One B-tree of LMDB (`MDB_db`, mdb.c). */
export interface Tree {
  readonly entries: number;
  /** Undefined: it is empty. */
  readonly root: number | undefined;
}

/** What the newer of both meta pages says (`MDB_meta`, mdb.c). */
export interface Meta {
  readonly transaction: bigint;
  readonly free: Tree;
  readonly main: Tree;
  /** The last page that was ever used; at the end of the file free pages may be missing. */
  readonly lastPage: number;
}

/** Bytes of a page before its content (`MDB_page_header`, mdb.c). */
export const HEAD = 24;
export const BRANCH = 0x01;
export const LEAF = 0x02;
export const OVERFLOW = 0x04;
const META = 0x08;
const KINDS = BRANCH | LEAF | OVERFLOW | META;

const MAGIC = 0xbeefc0de;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** Where what is told of a tree stands in what tells of it. */
const TREE = { entries: 32, root: 40, bytes: 48 };
/** Where the parts of a meta page stand. */
const AT = { magic: 24, pageSize: 48, free: 48, main: 96, lastPage: 144, transaction: 152 };

/** @param at where its `MDB_db` begins */
export function treeAt(page: Buffer, at: number): Tree {
  const root = page.readBigUInt64LE(at + TREE.root);
  return {
    entries: Number(page.readBigUInt64LE(at + TREE.entries)),
    root: root === NO_PAGE ? undefined : Number(root),
  };
}

export const isTree = (bytes: number): boolean => bytes === TREE.bytes;

/** A database file of LMDB, read page by page without mapping it: behind its end a mapped file ends the process. */
export class PageFile {
  readonly #file: number;
  readonly pageSize: number;
  /** Whole pages that are there. */
  readonly pages: number;

  /** @throws Damage if it has no meta pages */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    const head = Buffer.alloc(AT.transaction + 8);
    readSync(this.#file, head, 0, head.length, 0);
    this.pageSize = head.readUInt32LE(AT.pageSize);
    if (
      head.readUInt32LE(AT.magic) !== MAGIC ||
      ![4096, 8192, 16_384, 32_768, 65_536].includes(this.pageSize)
    ) {
      this.close();
      throw new Damage('its first page is not what it was');
    }
    this.pages = Math.floor(fstatSync(this.#file).size / this.pageSize);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** @throws Damage if one of both meta pages is not whole */
  meta(): Meta {
    const metas = [0, 1].map((number) => {
      const page = Buffer.alloc(this.pageSize);
      if (this.read(number, page) !== META || page.readUInt32LE(AT.magic) !== MAGIC)
        throw new Damage(`its page ${number} is not what it was`);
      return {
        transaction: page.readBigUInt64LE(AT.transaction),
        free: treeAt(page, AT.free),
        main: treeAt(page, AT.main),
        lastPage: Number(page.readBigUInt64LE(AT.lastPage)),
      };
    });
    const [first, second] = metas as [Meta, Meta];
    return second.transaction > first.transaction ? second : first;
  }

  /**
   * Reads a page into the buffer, which may be longer than one, and returns its kind.
   * @throws Damage if there is no such page, or another in its place
   */
  read(number: number, into: Buffer): number {
    if (number >= this.pages) throw new Damage(`it was cut off: its page ${number} is missing`);
    readSync(this.#file, into, 0, into.length, number * this.pageSize);
    if (Number(into.readBigUInt64LE(0)) !== number) throw new Damage(`its page ${number} is not what it was`);
    return into.readUInt16LE(18) & KINDS;
  }
}
