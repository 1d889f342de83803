import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import { CHECKSUMS, type Counts, checksumsText } from './format.js';

const MODE = 0o600;

/** Writes a tar file beside its place and puts it there when it is whole and on stable storage. */
export class BackupWriter {
  readonly #tar: Pack = pack().on('error', () => {});
  readonly #digests = new Map<string, string>();
  readonly #path: string;
  readonly #temporary: string;
  readonly #mtime: Date;
  /** Ends when all is on stable storage; fails when the disk does or the person ends it. */
  readonly #written: Promise<void>;

  /**
   * @param path gzip if it ends in `.gz`
   * @param mtime of all entries, ms
   */
  constructor(path: string, mtime: number, signal: AbortSignal) {
    this.#path = path;
    this.#temporary = `${path}.${process.pid}.tmp`;
    this.#mtime = new Date(mtime);
    this.#written = this.#write(signal);
    // Whoever adds the next entry is told.
    this.#written.catch(() => undefined);
  }

  async #write(signal: AbortSignal): Promise<void> {
    const file = await open(this.#temporary, 'w', MODE);
    try {
      // Of a file that was there already the mode stays as it was.
      await file.chmod(MODE);
      const tar = this.#tar;
      const out = file.createWriteStream({ flush: true });
      const from = async function* () {
        yield* tar;
      };
      if (this.#path.endsWith('.gz')) await pipeline(from, createGzip(), out, { signal });
      else await pipeline(from, out, { signal });
    } finally {
      await file.close();
    }
  }

  /** Adds a file that is in memory. */
  async add(name: string, content: Buffer): Promise<void> {
    this.#digests.set(name, createHash('sha256').update(content).digest('hex'));
    await this.#entry(name, content.length, [content]);
  }

  /**
   * Adds a file as it comes; exactly `size` bytes have to come.
   * @returns its SHA-256
   */
  async addStream(name: string, size: number, source: AsyncIterable<Uint8Array>): Promise<string> {
    const hash = createHash('sha256');
    const hashed = async function* () {
      for await (const piece of source) {
        hash.update(piece);
        yield piece;
      }
    };
    await this.#entry(name, size, hashed());
    const digest = hash.digest('hex');
    this.#digests.set(name, digest);
    return digest;
  }

  async #entry(
    name: string,
    size: number,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    let settle: (error?: Error | null) => void = () => {};
    const added = new Promise<void>((resolve, reject) => {
      settle = (error) => (error ? reject(error) : resolve());
    });
    added.catch(() => undefined);
    const entry = this.#tar.entry({ name, size, mode: MODE, mtime: this.#mtime }, settle);
    // Its failure is that of `added`.
    entry.on('error', () => {});
    try {
      for await (const piece of source)
        if (!entry.write(piece)) await Promise.race([once(entry, 'drain'), added, this.#written]);
      entry.end(null);
      await Promise.race([added, this.#written]);
    } catch (error) {
      this.#tar.destroy(error instanceof Error ? error : new Error(String(error)));
      // If the disk or the person was first, that is why.
      await this.#written;
      throw error;
    }
  }

  /**
   * Adds the checksums and puts the file in its place. Durable.
   * @returns its size in bytes
   */
  async finish(counts: Counts): Promise<number> {
    await this.add(CHECKSUMS, Buffer.from(checksumsText(counts, this.#digests)));
    this.#tar.finalize();
    await this.#written;
    const { size } = await stat(this.#temporary);
    await rename(this.#temporary, this.#path);
    const folder = await open(dirname(this.#path), 'r');
    await folder.sync().finally(() => folder.close());
    return size;
  }

  /** Leaves nothing behind; harmless once it has failed or finished. */
  async abandon(): Promise<void> {
    this.#tar.destroy(new Error('The backup was given up.'));
    await this.#written.catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }
}
