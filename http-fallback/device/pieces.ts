import type { Readable } from 'node:stream';
import type { Span } from '../../core/coverage.js';
import type { BlobStore } from '../../core/ports.js';

/** The last piece is small, so that as much as can be known to have left has left before a token is completed. */
const LAST_PIECE = 1024;
const SMALLEST = 64 * 1024;
const LARGEST = 256 * 1024;

/** Ten pieces a body, within reason: the steps in which progress is told. */
const pieceSize = (length: number): number => Math.min(LARGEST, Math.max(SMALLEST, Math.ceil(length / 10)));

/** The bytes of a span, in pieces; the last one is at most 1 KiB. */
export interface Pieces {
  /** The next piece, at once if it is in memory. Not to be asked beyond the last, nor while an answer is awaited. */
  next(): Buffer | Promise<Buffer>;
  /** To be called when no more are wanted, also after the last. */
  close(): void;
}

/** Finds where the bytes are. Rejects as `BlobStore.cached` does. */
export async function piecesOf(
  blobs: Pick<BlobStore, 'cached' | 'open'>,
  sha256: string,
  size: number,
  span: Span,
): Promise<Pieces> {
  const cached = await blobs.cached(sha256, size);
  return cached ? new CachedPieces(cached, span) : new StreamedPieces(blobs.open(sha256, ...span), span);
}

class CachedPieces implements Pieces {
  readonly #bytes: Buffer;
  readonly #step: number;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, [start, end]: Span) {
    this.#bytes = bytes;
    this.#step = pieceSize(end - start);
    this.#at = start;
    this.#end = end;
  }

  next(): Buffer {
    const start = this.#at;
    const lastFrom = this.#end - LAST_PIECE;
    this.#at = start < lastFrom ? Math.min(start + this.#step, lastFrom) : this.#end;
    return this.#bytes.subarray(start, this.#at);
  }

  close(): void {}
}

/** Without the stream's own iterator, which makes a promise, listeners and in the end an error for each download. */
class StreamedPieces implements Pieces {
  readonly #stream: Readable;
  /** Bytes that the stream has not given yet. */
  #missing: number;
  /** The end of the last chunk, held back to be the last piece. */
  #tail: Buffer | undefined;
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(stream: Readable, [start, end]: Span) {
    this.#stream = stream;
    this.#missing = end - start;
    stream.on('readable', () => this.#wake());
    stream.on('close', () => this.#wake());
    stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  next(): Buffer | Promise<Buffer> {
    const tail = this.#tail;
    if (!tail) return this.#read() ?? this.#wait();
    this.#tail = undefined;
    return tail;
  }

  close(): void {
    this.#stream.destroy();
  }

  #read(): Buffer | undefined {
    const chunk = this.#stream.read() as Buffer | null;
    if (!chunk) return undefined;
    this.#missing -= chunk.length;
    if (this.#missing > 0 || chunk.length <= LAST_PIECE) return chunk;
    this.#tail = chunk.subarray(chunk.length - LAST_PIECE);
    return chunk.subarray(0, chunk.length - LAST_PIECE);
  }

  async #wait(): Promise<Buffer> {
    for (;;) {
      if (this.#error) throw this.#error;
      const piece = this.#read();
      if (piece) return piece;
      if (this.#stream.destroyed) throw new Error(`The bytes ended ${this.#missing} too early.`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
