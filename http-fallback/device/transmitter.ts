import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Span } from '../../core/coverage.js';
import { FirmwireError } from '../../core/errors.js';
import type { Firmware } from '../../core/firmware.js';
import type { BlobStore, Log } from '../../core/ports.js';
import type { Delivery, Downloads } from '../../core/services/downloads.js';
import { piecesOf } from './pieces.js';
import { entityTag, type Selection, selectRange } from './range.js';

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
    const cut = (): void => void response.destroy(lost());
    const delivery = await this.#parts.downloads.redeem(token, freeSpaceOf(request), cut);
    const { firmware } = delivery;
    let selection: Selection;
    try {
      const { range, 'if-range': ifRange } = request.headers;
      selection = selectRange(range, ifRange?.toString(), firmware.sha256, firmware.size);
    } catch (error) {
      await delivery.end([0, 0], false);
      reply.header('Content-Range', `bytes */${firmware.size}`);
      throw error;
    }
    reply.hijack();
    response.socket?.setTimeout(this.#parts.idleMs, cut);
    response.writeHead(selection.partial ? 206 : 200, headersFor(firmware, selection));
    await this.#send(response, delivery, selection.span);
    return reply;
  }

  async #send(response: ServerResponse, delivery: Delivery, span: Span): Promise<void> {
    const { sha256, size } = delivery.firmware;
    let [left] = span;
    let whole = false;
    try {
      for await (const piece of piecesOf(this.#parts.blobs, sha256, size, span)) {
        const isLast = left + piece.length >= span[1];
        if (isLast && !(await delivery.beforeLastPiece(span))) break;
        await (isLast ? finish(response, piece) : write(response, piece));
        left += piece.length;
        whole = isLast;
        if (!isLast) await delivery.progress(left);
      }
    } catch (err) {
      this.#parts.log.debug({ err, firmware: delivery.firmware.id, left }, 'a download broke off');
    } finally {
      if (!whole) response.destroy(lost());
      await delivery.end([span[0], left], whole);
    }
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

const lost = (): Error => new FirmwireError('internal', 'the connection was lost');

/** Resolves when the piece has left for the kernel, rejects when the connection is lost before. */
async function write(response: ServerResponse, piece: Buffer): Promise<void> {
  if (response.destroyed) throw lost();
  await new Promise<void>((resolve, reject) => {
    const onClose = (): void => reject(lost());
    response.once('close', onClose);
    response.write(piece, (error) => {
      response.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
  // A reset that has arrived meanwhile is heard of in the next turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  if (response.destroyed) throw lost();
}

/** Sends the last piece; resolves when the socket has closed well, rejects when it was reset. */
async function finish(response: ServerResponse, piece: Buffer): Promise<void> {
  const { socket } = response;
  if (!socket || response.destroyed) throw lost();
  const closed = once(socket, 'close');
  response.end(piece);
  const [hadError] = (await closed) as [boolean];
  // `finish` fires after a reset too; the socket's own word is what counts.
  if (hadError) throw lost();
}
