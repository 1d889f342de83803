import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BlobStore, Telemetry } from '../../core/ports.js';
import { entityTag, selectRange } from '../device/range.js';
import type { Relayed } from './relayed.js';

export interface BodyParts {
  readonly blobs: BlobStore;
  readonly telemetry: Telemetry;
}

const PIECE = 64 * 1024;

/** In one, the whole would count as sent before the first byte of it has left. */
function* inPieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

/**
 * Sends the whole body of an attempt's firmware to the gateway, or the rest of it (`Range`). It ends with the attempt.
 * @throws FirmwireError `range_not_satisfiable`
 */
export function sendBody(
  relayed: Relayed,
  request: FastifyRequest,
  reply: FastifyReply,
  { blobs, telemetry }: BodyParts,
): FastifyReply {
  const { sha256, size } = relayed.firmware;
  const ifRange = request.headers['if-range']?.toString();
  const { span, partial } = selectRange(request.headers.range, ifRange, sha256, size);
  const [start, end] = span;
  async function* pieces(): AsyncGenerator<Buffer> {
    const cached = await blobs.cached(sha256, size);
    for await (const piece of cached
      ? inPieces(cached.subarray(start, end))
      : blobs.open(sha256, start, end)) {
      yield piece;
      // Asked for more: this one is on its way.
      relayed.moved();
      telemetry.sent(piece.length);
    }
  }
  relayed.moved();
  const done = relayed.streaming(() => reply.raw.destroy());
  reply.raw.once('close', done);
  if (partial) reply.code(206).header('Content-Range', `bytes ${start}-${end - 1}/${size}`);
  return reply
    .type('application/octet-stream')
    .header('Content-Length', end - start)
    .header('ETag', entityTag(sha256))
    .send(Readable.from(pieces(), { objectMode: false, highWaterMark: PIECE }));
}
