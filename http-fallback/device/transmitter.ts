import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Span } from '../../core/coverage.js';
import { FirmwireError } from '../../core/errors.js';
import type { Firmware } from '../../core/firmware.js';
import type { BlobStore, Log } from '../../core/ports.js';
import type { Delivery, Downloads } from '../../core/services/downloads.js';
import { piecesOf } from './pieces.js';
import { entityTag, type Selection, selectRange, wholeBody } from './range.js';

export interface TransmitterParts {
  readonly downloads: Downloads;
  readonly blobs: BlobStore;
  readonly log: Log;
  /** A transfer that does not move for so many ms is cut. */
  readonly idleMs: number;
}

const FREE_SPACE = ['x-esp8266-free-space', 'x-esp32-free-space'] as const;

/** Hands firmware bodies over to devices (wire.md 4, `GET /device/firmware`, and 6). */
export class Transmitter {
  readonly #parts: TransmitterParts;

  constructor(parts: TransmitterParts) {
    this.#parts = parts;
  }

  /**
   * Redeems a token and sends what it is for.
   * @throws FirmwireError before any byte has left; after that a failure cuts the connection
   */
  async redeem(token: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const response = reply.raw;
    const cut = (): void => void response.destroy(new ConnectionLost());
    const found = await this.#parts.downloads.find(token, freeSpaceOf(request));
    const selection = select(request, reply, found.firmware);
    const delivery = await this.#parts.downloads.begin(found, cut);
    const { sha256, size } = found.firmware;
    const pieces = piecesOf(this.#parts.blobs, sha256, size, selection.span)[Symbol.asyncIterator]();
    response.socket?.setTimeout(this.#parts.idleMs, cut);
    const first = await this.#first(pieces, delivery);
    reply.hijack();
    response.writeHead(selection.partial ? 206 : 200, headersFor(found.firmware, selection));
    await this.#send(response, delivery, selection.span, first, pieces);
    return reply;
  }

  /** The first piece, read before anything is promised: bytes that are gone are an honest failure, no broken download. */
  async #first(pieces: AsyncIterator<Buffer>, delivery: Delivery): Promise<IteratorResult<Buffer>> {
    try {
      return await pieces.next();
    } catch (err) {
      this.#parts.log.error({ err, firmware: delivery.firmware.id }, 'firmware bytes cannot be read');
      await delivery.end([0, 0], false);
      throw new FirmwireError('internal');
    }
  }

  async #send(
    response: ServerResponse,
    delivery: Delivery,
    span: Span,
    first: IteratorResult<Buffer>,
    pieces: AsyncIterator<Buffer>,
  ): Promise<void> {
    let [left] = span;
    let whole = false;
    try {
      for (let step = first; !step.done; step = await pieces.next()) {
        const piece = step.value;
        const isLast = left + piece.length >= span[1];
        if (isLast && !(await delivery.beforeLastPiece(span))) break;
        await (isLast ? finish(response, piece) : write(response, piece));
        left += piece.length;
        whole = isLast;
        if (!isLast) await delivery.progress(left);
      }
    } catch (err) {
      const facts = { err, firmware: delivery.firmware.id, left };
      if (err instanceof ConnectionLost) this.#parts.log.debug(facts, 'a download broke off');
      else this.#parts.log.error(facts, 'a download failed');
    } finally {
      if (!whole) response.destroy(new ConnectionLost());
      await pieces.return?.();
      await delivery.end([span[0], left], whole);
    }
  }
}

/** What of the body the request asks for. `Range` is defined for GET only (RFC 9110, 14.2). */
function select(
  { method, headers }: FastifyRequest,
  reply: FastifyReply,
  { sha256, size }: Firmware,
): Selection {
  if (method !== 'GET') return wholeBody(size);
  try {
    return selectRange(headers.range, headers['if-range']?.toString(), sha256, size);
  } catch (error) {
    reply.header('Content-Range', `bytes */${size}`);
    throw error;
  }
}

const freeSpaceOf = ({ headers }: FastifyRequest): number | undefined => {
  const text = FREE_SPACE.map((name) => headers[name]).find((value) => typeof value === 'string');
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
};

function headersFor(
  firmware: Firmware,
  { span: [start, end], partial }: Selection,
): Record<string, string | number> {
  const isImage = firmware.format === 'image';
  return {
    'Content-Type': isImage ? 'application/octet-stream' : 'application/json',
    'Content-Disposition': `attachment; filename=firmware.${isImage ? 'bin' : 'json'}`,
    'Content-Length': end - start,
    'x-MD5': firmware.md5,
    ETag: entityTag(firmware.sha256),
    'Accept-Ranges': 'bytes',
    ...(partial ? { 'Content-Range': `bytes ${start}-${end - 1}/${firmware.size}` } : {}),
    Connection: 'close',
  };
}

/** The device went away, or was cut off: nothing is wrong with the server. */
class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Resolves when the piece has left for the kernel, rejects when the connection is lost before. */
async function write(response: ServerResponse, piece: Buffer): Promise<void> {
  if (response.destroyed) throw new ConnectionLost();
  await new Promise<void>((resolve, reject) => {
    const onClose = (): void => reject(new ConnectionLost());
    response.once('close', onClose);
    response.write(piece, (error) => {
      response.off('close', onClose);
      if (error) reject(new ConnectionLost(error.message, { cause: error }));
      else resolve();
    });
  });
  // A reset that has arrived meanwhile is heard of in the next turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  if (response.destroyed) throw new ConnectionLost();
}

/** Sends the last piece; resolves when the socket has closed well, rejects when it was reset. */
async function finish(response: ServerResponse, piece: Buffer): Promise<void> {
  const { socket } = response;
  if (!socket || response.destroyed) throw new ConnectionLost();
  const closed = once(socket, 'close');
  response.end(piece);
  const [hadError] = (await closed) as [boolean];
  // `finish` fires after a reset too; the socket's own word is what counts.
  if (hadError) throw new ConnectionLost();
}
