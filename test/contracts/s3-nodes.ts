import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openS3, type S3Options } from '../../broker/storage/s3/index.js';
import { CollectingLog } from '../support/collecting-log.js';
import type { S3Server } from '../support/s3-server.js';
import { CACHE } from './blob-store.js';

/** Nodes with one bucket, or a part of one, each with a directory of its own. */
export class S3Nodes {
  readonly log = new CollectingLog();
  readonly prefix: string;
  readonly #where: ReturnType<S3Server['where']>;
  readonly #dir: string;

  private constructor(where: ReturnType<S3Server['where']>, dir: string) {
    this.#where = where;
    this.prefix = where.prefix;
    this.#dir = dir;
  }

  static async open(where: ReturnType<S3Server['where']>): Promise<S3Nodes> {
    return new S3Nodes(where, await mkdtemp(join(tmpdir(), 'firmwire-blobs-')));
  }

  /** Starts a node, also again. */
  store(name: string, options: Partial<S3Options> = {}) {
    const dir = join(this.#dir, name);
    return openS3({ ...this.#where, dir, diskBytes: 1e9, memoryBytes: CACHE, ...options }, this.log);
  }

  async blobs(name: string, options: Partial<S3Options> = {}) {
    return (await this.store(name, options)).blobs;
  }

  path(node: string, ...names: string[]): string {
    return join(this.#dir, node, ...names);
  }

  /** What lies in a node's cache on disk. */
  cache(node: string): Promise<string[]> {
    return readdir(this.path(node, 'cache'));
  }

  /** Bytes on a node's disk. */
  async bytes(node: string): Promise<number> {
    const entries = await readdir(this.path(node), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(
      files.map(({ parentPath, name }) => stat(join(parentPath, name)).then(({ size }) => size)),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  close(): Promise<void> {
    return rm(this.#dir, { recursive: true });
  }
}
