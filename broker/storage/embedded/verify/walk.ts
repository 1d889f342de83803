import {
  BRANCH,
  Damage,
  HEAD,
  isTree,
  LEAF,
  OVERFLOW,
  type PageFile,
  type Tree,
  treeAt,
} from './page-file.js';

/** Bytes of a node before its key (`MDB_node`, mdb.c). */
const NODE = 8;
const IN_OVERFLOW = 0x01;
const IS_TREE = 0x02;
/** Bytes of a key that is a number. */
const NUMBER = 8;
/** LMDB's own limit is 32. */
const DEEPEST = 32;

/** One entry of a tree. What is in `page` is only valid while it is handled. */
export interface Entry {
  readonly key: Buffer;
  /** The bytes of the value; of a tree in the main tree nothing. */
  readonly value: Buffer;
  readonly tree: Tree | undefined;
}

/** How keys are sorted: by their bytes, or as the numbers that they are in this machine's order of bytes (`MDB_INTEGERKEY`). */
export type KeyOrder = 'bytes' | 'numbers';

/** Goes through the pages of trees, each at most once. */
export class Walk {
  readonly #file: PageFile;
  /** Pages that are part of some tree. */
  readonly #used: Uint8Array;
  /** One page for each level. */
  readonly #pages: Buffer[] = [];
  #order: KeyOrder = 'bytes';

  constructor(file: PageFile, lastPage: number) {
    this.#file = file;
    this.#used = new Uint8Array(lastPage + 1);
  }

  isUsed(page: number): boolean {
    return this.#used[page] === 1;
  }

  /**
   * Every page of the tree, and `each` of its entries.
   * @param each absent: the leaves themselves are left out, and their entries not counted
   * @throws Damage
   */
  tree(tree: Tree, each: ((entry: Entry) => void) | undefined, order: KeyOrder = 'bytes'): void {
    this.#order = order;
    if (tree.root === undefined) {
      if (tree.entries !== 0) throw new Damage('a table that is not empty has no beginning');
      return;
    }
    const entries = this.#page(tree.root, 0, each, false);
    if (each && entries !== tree.entries)
      throw new Damage(`of ${tree.entries} entries of a table ${entries} are there`);
  }

  /** The number of entries below this page. */
  #page(number: number, depth: number, each: ((entry: Entry) => void) | undefined, isLeaf: boolean): number {
    this.#use(number, 1);
    if (isLeaf && !each) return 0;
    if (depth >= DEEPEST) throw new Damage('its pages lead in a circle');
    const page = this.#buffer(depth);
    const kind = this.#file.read(number, page);
    if (kind !== BRANCH && kind !== LEAF) throw new Damage(`its page ${number} is of another kind`);
    return kind === LEAF ? this.#leaf(page, number, each) : this.#branch(page, number, depth, each);
  }

  #branch(page: Buffer, number: number, depth: number, each: ((entry: Entry) => void) | undefined): number {
    let entries = 0;
    let isLeaf = false;
    for (const [i, at] of this.#nodes(page, number).entries()) {
      const child = page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 2 ** 32;
      // All children of a page are of one kind, so one of them has to be read to know.
      if (i === 0 && !each) isLeaf = this.#isLeaf(child, depth + 1);
      entries += this.#page(child, depth + 1, each, isLeaf);
    }
    return entries;
  }

  #isLeaf(number: number, depth: number): boolean {
    const page = this.#buffer(depth);
    return this.#file.read(number, page) === LEAF;
  }

  #leaf(page: Buffer, number: number, each: ((entry: Entry) => void) | undefined): number {
    const nodes = this.#nodes(page, number);
    let [before, beforeEnd] = [0, 0];
    for (const at of nodes) {
      const start = at + NODE;
      const end = start + page.readUInt16LE(at + 6);
      const flags = page.readUInt16LE(at + 4);
      const size = page.readUInt32LE(at) >>> 0;
      const isElsewhere = (flags & IN_OVERFLOW) !== 0;
      if (end + (isElsewhere ? 8 : size) > page.length)
        throw new Damage(`an entry on its page ${number} is longer than the page`);
      if (beforeEnd > 0 && !this.#isAfter(page, [start, end], [before, beforeEnd]))
        throw new Damage(`the entries on its page ${number} are not in order`);
      [before, beforeEnd] = [start, end];
      const isSubtree = (flags & IS_TREE) !== 0;
      if (isSubtree && !isTree(size)) throw new Damage(`a table on its page ${number} is not what it was`);
      each?.({
        key: page.subarray(start, end),
        value: isElsewhere
          ? this.#overflow(Number(page.readBigUInt64LE(end)), size)
          : page.subarray(end, end + size),
        tree: isSubtree ? treeAt(page, end) : undefined,
      });
    }
    return nodes.length;
  }

  #isAfter(
    page: Buffer,
    [start, end]: readonly [number, number],
    [before, beforeEnd]: readonly [number, number],
  ): boolean {
    if (this.#order === 'bytes') return page.compare(page, before, beforeEnd, start, end) > 0;
    if (end - start !== NUMBER || beforeEnd - before !== NUMBER) return false;
    return page.readBigUInt64LE(start) > page.readBigUInt64LE(before);
  }

  #buffer(depth: number): Buffer {
    const page = this.#pages[depth] ?? Buffer.alloc(this.#file.pageSize);
    this.#pages[depth] = page;
    return page;
  }

  /** Where the nodes of a page begin. */
  #nodes(page: Buffer, number: number): number[] {
    const count = page.readUInt16LE(20) >> 1;
    if (HEAD + count * 2 > page.length) throw new Damage(`its page ${number} is not what it was`);
    return Array.from({ length: count }, (_, i) => {
      const at = HEAD + page.readUInt16LE(HEAD + i * 2);
      if (at < HEAD + count * 2 || at + NODE > page.length)
        throw new Damage(`an entry on its page ${number} lies elsewhere`);
      return at;
    });
  }

  /** A value that has pages of its own. */
  #overflow(number: number, size: number): Buffer {
    const pages = Math.ceil((HEAD + size) / this.#file.pageSize);
    this.#use(number, pages);
    if (number + pages > this.#file.pages) throw new Damage(`it was cut off: its page ${number} is missing`);
    const bytes = Buffer.alloc(HEAD + size);
    if (this.#file.read(number, bytes) !== OVERFLOW)
      throw new Damage(`its page ${number} is of another kind`);
    return bytes.subarray(HEAD);
  }

  #use(number: number, pages: number): void {
    for (let each = number; each < number + pages; each++) {
      if (this.#used[each] !== 0) throw new Damage(`its page ${each} does not belong where it is used`);
      this.#used[each] = 1;
    }
  }
}
