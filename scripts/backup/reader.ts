import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Extract, extract, type Header } from 'tar-stream';
import { FirmwireError } from '../../core/errors.js';
import type { StoreEntry } from '../../core/ports.js';
import { ClientError } from '../client/errors.js';
import {
  CHECKSUMS,
  type Counts,
  checksumsText,
  linesName,
  MANIFEST,
  type Manifest,
  mayHold,
  noCounts,
  type Place,
  rank,
  readManifest,
  readName,
} from './format.js';
import { fromLine } from './records.js';

/** What a backup holds, in the order of the file. */
export type Part =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'record'; readonly entry: StoreEntry }
  /** `content` is to be read before going on, or not at all. */
  | { readonly kind: 'bytes'; readonly sha256: string; readonly content: AsyncIterable<Uint8Array> }
  | { readonly kind: 'end'; readonly counts: Counts };

/** One file of the tar. */
type Entry = AsyncIterable<Uint8Array> & { readonly header: Header };

const GZIP_MAGIC = 0x1f8b;
const BLOCK = 512;
/** Two blocks of zeros. */
const END_BYTES = 2 * BLOCK;
/** Of what is read into memory as a whole; a retained message of MQTT's largest packet fits. */
const MAX_TEXT_BYTES = 400 * 1024 * 1024;

const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

/**
 * Reads a backup and checks all of it on the way: that each part is what it was when it was written, that none is
 * missing, in the wrong place or there twice, and that nothing follows. Only once `end` has come is it whole.
 * @throws FirmwireError `backup_invalid` that says which part is damaged, `backup_newer`; ClientError if there is no
 * such file
 */
export async function* readBackup(path: string): AsyncGenerator<Part> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new ClientError(`${path}: there is no such file`, { cause: error });
    throw error;
  });
  const reading = new Reading();
  try {
    yield* reading.parts(file);
  } catch (error) {
    if (error instanceof FirmwireError || isSystemError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FirmwireError('backup_invalid', `${path} is damaged or no backup: ${reading.at}: ${reason}`, {
      cause: error,
    });
  } finally {
    await file.close();
  }
}

async function isGzip(file: FileHandle): Promise<boolean> {
  const head = Buffer.alloc(2);
  await file.read(head, 0, head.length, 0);
  return head.readUInt16BE() === GZIP_MAGIC;
}

/** One pass through a file. */
class Reading {
  /** What is being read, for a person. */
  at = 'its beginning';
  readonly #counts = noCounts();
  /** Of the format. */
  #version = 0;
  readonly #digests = new Map<string, string>();
  /** Of the firmware bytes that have come. */
  readonly #sizes = new Map<string, number>();
  #last: Place | undefined;
  /** Bytes of the tar that have been read, and those that its entries account for. */
  #read = 0;
  #accounted = 0;

  async *parts(file: FileHandle): AsyncGenerator<Part> {
    const tar = extract();
    const stop = new AbortController();
    const fed = this.#feed(file, tar, stop.signal);
    fed.catch((error: Error) => tar.destroy(error));
    try {
      let ended = false;
      for await (const entry of tar as AsyncIterable<unknown> as AsyncIterable<Entry>) {
        if (ended) throw new Error('something follows the end');
        const { name, type, size } = entry.header;
        this.at = /^[!-~]{1,100}$/.test(name) ? name : 'a name that is no name';
        if (type !== 'file') throw new Error('it is not a file');
        this.#accounted += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
        yield* this.#part(name, size, entry);
        ended = name === CHECKSUMS;
      }
      this.at = 'its end';
      await fed;
      if (!ended) throw new Error(`${CHECKSUMS} is missing, it was cut off`);
      if (this.#read !== this.#accounted + END_BYTES)
        throw new Error(`it has ${this.#read} bytes in place of ${this.#accounted + END_BYTES}`);
      yield { kind: 'end', counts: this.#counts };
    } finally {
      stop.abort();
      tar.destroy();
      await fed.catch(() => undefined);
    }
  }

  async #feed(file: FileHandle, tar: Extract, signal: AbortSignal): Promise<void> {
    const source = file.createReadStream({ start: 0 });
    const counted = async function* (this: Reading, chunks: Readable) {
      for await (const chunk of chunks as AsyncIterable<Buffer>) {
        this.#read += chunk.length;
        yield chunk;
      }
    }.bind(this);
    if (await isGzip(file)) await pipeline(source, createGunzip(), counted, tar, { signal });
    else await pipeline(source, counted, tar, { signal });
  }

  async *#part(name: string, size: number, entry: Entry): AsyncGenerator<Part> {
    if (this.#digests.size === 0) {
      if (name !== MANIFEST) throw new Error(`it does not begin with ${MANIFEST}`);
      const manifest = readManifest(await this.#text(name, size, entry));
      this.#version = manifest.version;
      yield { kind: 'manifest', manifest };
    } else if (name === CHECKSUMS) {
      this.#compare(await this.#text(name, size, entry));
    } else {
      const place = this.#place(name);
      if (place.is === 'bytes') yield* this.#bytes(place.sha256, name, size, entry);
      else yield* this.#lines(place.kind, await this.#text(name, size, entry));
    }
  }

  /** @throws Error if there is no such place, or this is not the place for it */
  #place(name: string): Place {
    const place = readName(name);
    if (!place || !mayHold(this.#version, place.kind)) throw new Error('a backup has no such part');
    const last = this.#last;
    if (last && rank(place.kind) < rank(last.kind)) throw new Error('it stands in the wrong place');
    if (this.#digests.has(name)) throw new Error('it is there twice');
    if (place.is === 'lines') {
      const before = place.number === 1 || this.#digests.has(linesName(place.kind, place.number - 1));
      if (!before || name !== linesName(place.kind, place.number))
        throw new Error('the part before it is missing');
    }
    this.#last = place;
    return place;
  }

  async *#bytes(sha256: string, name: string, size: number, entry: Entry): AsyncGenerator<Part> {
    const hash = createHash('sha256');
    const content = async function* () {
      for await (const piece of entry) {
        hash.update(piece);
        yield piece;
      }
    };
    const once = content();
    yield { kind: 'bytes', sha256, content: once };
    // What the caller left.
    for await (const _piece of once);
    if (hash.digest('hex') !== sha256) throw new Error('the bytes are not what they were');
    this.#digests.set(name, sha256);
    this.#sizes.set(sha256, size);
    this.#counts.bytes += 1;
  }

  *#lines(kind: StoreEntry['kind'], text: string): Generator<Part> {
    const lines = text.split('\n');
    if (lines.pop() !== '') throw new Error('its last line is cut off');
    for (const [i, line] of lines.entries()) {
      const entry = this.#record(kind, line, i + 1);
      this.#counts[kind] += 1;
      yield { kind: 'record', entry };
    }
  }

  #record(kind: StoreEntry['kind'], line: string, number: number): StoreEntry {
    try {
      const entry = fromLine(kind, line);
      if (entry.kind === 'firmware' && this.#sizes.get(entry.value.sha256) !== entry.value.size)
        throw new Error('the bytes of this firmware are missing');
      return entry;
    } catch (error) {
      throw new Error(`line ${number}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }

  async #text(name: string, size: number, entry: Entry): Promise<string> {
    if (size > MAX_TEXT_BYTES) throw new Error('it is too large');
    const pieces: Uint8Array[] = [];
    for await (const piece of entry) pieces.push(piece);
    const content = Buffer.concat(pieces);
    if (name !== CHECKSUMS) this.#digests.set(name, createHash('sha256').update(content).digest('hex'));
    return content.toString();
  }

  /** @throws Error if these are not the checksums of what was read */
  #compare(text: string): void {
    if (text === checksumsText(this.#counts, this.#digests, this.#version)) return;
    const named = new Map(
      [...text.matchAll(/^ {2}"([^"]+)": "([0-9a-f]{64})",?$/gm)].map(([, name = '', digest]) => [
        name,
        digest,
      ]),
    );
    for (const [name, digest] of this.#digests)
      if (named.get(name) !== digest) throw new Error(`${name} is not what it was`);
    for (const name of named.keys()) if (!this.#digests.has(name)) throw new Error(`${name} is missing`);
    throw new Error('it does not fit what is there');
  }
}
