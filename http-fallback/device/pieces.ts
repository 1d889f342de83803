import type { Span } from '../../core/coverage.js';
import type { BlobStore } from '../../core/ports.js';

/** The last piece is small, so that as much as can be known to have left has left before a token is completed. */
const LAST_PIECE = 1024;
const SMALLEST = 16 * 1024;
const LARGEST = 256 * 1024;

/** Ten pieces a body, within reason: the steps in which progress is told. */
const pieceSize = (length: number): number => Math.min(LARGEST, Math.max(SMALLEST, Math.ceil(length / 10)));

/** The bytes of a span, in pieces; the last one is at most 1 KiB. */
export async function* piecesOf(
  blobs: BlobStore,
  sha256: string,
  size: number,
  [start, end]: Span,
): AsyncIterable<Buffer> {
  const lastFrom = Math.max(start, end - LAST_PIECE);
  const step = pieceSize(end - start);
  const cached = await blobs.cached(sha256, size);
  if (cached) {
    for (let at = start; at < lastFrom; at += step) yield cached.subarray(at, Math.min(at + step, lastFrom));
    yield cached.subarray(lastFrom, end);
    return;
  }
  if (lastFrom > start) yield* blobs.open(sha256, start, lastFrom) as AsyncIterable<Buffer>;
  const tail: Buffer[] = [];
  for await (const chunk of blobs.open(sha256, lastFrom, end) as AsyncIterable<Buffer>) tail.push(chunk);
  yield Buffer.concat(tail);
}
