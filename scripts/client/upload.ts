import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { FormDataEncoder } from 'form-data-encoder';
import { ClientError } from './errors.js';

/** Firmware to publish. `files` are paths; `platform`, `udid` or both say whom it is for. */
export interface Publication {
  readonly files: readonly string[];
  readonly version: string;
  readonly platform?: string;
  readonly udid?: string;
  readonly notes?: string;
  readonly envHash?: string;
  readonly tags?: readonly string[];
  readonly rollout?: 'all-at-once' | 'none';
  /** The path of what the owner signed about it. */
  readonly manifest?: string;
}

/** Told after every piece that left, in bytes of the request body. */
export type UploadProgress = (sent: number, total: number) => void;

/** A request body that reads its files only as fast as it is sent. */
export interface Upload {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly total: number;
}

/** A file on disk in the shape that form-data-encoder takes; nothing of it is held in memory. */
class DiskFile {
  readonly type = 'application/octet-stream';
  readonly [Symbol.toStringTag] = 'File';
  readonly name: string;

  constructor(
    readonly path: string,
    readonly size: number,
    readonly lastModified: number,
  ) {
    this.name = basename(path);
  }

  stream(): AsyncIterable<Uint8Array> {
    // The length is announced already: a file that grows meanwhile is sent as it was.
    return createReadStream(this.path, { end: Math.max(this.size - 1, 0) });
  }
}

type Entry = [string, string | DiskFile];

/** An ordered form. The global FormData takes Blobs only, which Node 20 opens from disk as an experiment. */
class Form {
  readonly [Symbol.toStringTag] = 'FormData';
  readonly #entries: Entry[] = [];

  append(name: string, value: string | DiskFile): void {
    this.#entries.push([name, value]);
  }

  getAll(name: string): (string | DiskFile)[] {
    return this.#entries.filter(([key]) => key === name).map(([, value]) => value);
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  [Symbol.iterator](): IterableIterator<Entry> {
    return this.entries();
  }
}

async function openFile(path: string): Promise<DiskFile> {
  try {
    const facts = await stat(path);
    if (facts.isFile()) return new DiskFile(path, facts.size, facts.mtimeMs);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'not found' : error;
    throw new ClientError(`${path}: ${reason}.`, { cause: error });
  }
  throw new ClientError(`${path} is not a file.`);
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  total: number,
  onProgress: UploadProgress | undefined,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const piece of pieces) {
    yield piece;
    sent += piece.byteLength;
    onProgress?.(sent, total);
  }
}

/**
 * Prepares the multipart body of `POST /api/v1/firmware`: fields first, then the manifest and the files.
 * @throws ClientError if there is no file, or one cannot be read.
 */
export async function prepareUpload(publication: Publication, onProgress?: UploadProgress): Promise<Upload> {
  if (publication.files.length === 0) throw new ClientError('There is no file to publish.');
  const { version, platform, udid, notes, envHash, tags, rollout, manifest } = publication;
  const form = new Form();
  const fields = { version, platform, udid, notes, envHash, tags: tags?.join(','), rollout };
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.append(name, value);
  // As a file: the line breaks of a field are written anew on the way (HTML, multipart/form-data).
  if (manifest !== undefined) form.append('manifest', await openFile(manifest));
  for (const path of publication.files) form.append('file', await openFile(path));
  const encoder = new FormDataEncoder(form);
  const total = Number(encoder.contentLength);
  return {
    headers: { 'content-type': encoder.contentType, 'content-length': String(total) },
    body: counted(encoder.encode(), total, onProgress),
    total,
  };
}
