import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Span } from '../../core/coverage.js';
import { FirmwireError } from '../../core/errors.js';
import type { Firmware } from '../../core/firmware.js';
import type { LimitWatch } from '../../core/limits.js';
import type { BlobStore, Log, Telemetry } from '../../core/ports.js';
import type { Delivery, Downloads } from '../../core/services/downloads.js';
import { ConnectionLost, finish, heardOut, write, writeFirst } from './connection.js';
import { watchPace } from './pace.js';
import { type Pieces, piecesOf } from './pieces.js';
import { entityTag, type Selection, selectRange, wholeBody } from './range.js';

export interface TransmitterParts {
  readonly downloads: Downloads;
  readonly blobs: BlobStore;
  readonly telemetry: Telemetry;
  readonly log: Log;
  /** A transfer that does not move for so many ms is cut. */
  readonly idleMs: number;
  readonly limits: DownloadLimits;
}

/** How many may download, and how slowly. */
export interface DownloadLimits {
  readonly isFull: () => boolean;
  /** A download that is slower on the whole is cut, bytes per second; 0: none is. */
  readonly bytesPerSecond: number;
  /** How often that is looked at, ms. */
  readonly everyMs: number;
  readonly watch: LimitWatch;
}

/** When to come again while there are too many downloads, s. */
const RETRY_SECONDS = 30;

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
    const { isFull, watch } = this.#parts.limits;
    if (isFull()) {
      watch.reached('downloads');
      reply.header('Retry-After', RETRY_SECONDS);
      throw new FirmwireError('too_many_downloads');
    }
    const found = await this.#parts.downloads.find(token, freeSpaceOf(request));
    const selection = select(request, reply, found.firmware);
    const delivery = await this.#parts.downloads.begin(found, cut);
    response.socket?.setTimeout(this.#parts.idleMs, cut);
    const { pieces, first } = await this.#open(request.id, delivery, selection.span);
    reply.hijack();
    response.writeHead(selection.partial ? 206 : 200, headersFor(found.firmware, selection));
    await this.#send(request.id, response, delivery, selection.span, first, pieces);
    return reply;
  }

  /** The first piece, read before anything is promised: bytes that are gone are an honest failure, no broken download. */
  async #open(req: string, delivery: Delivery, span: Span): Promise<{ pieces: Pieces; first: Buffer }> {
    const { sha256, size, id } = delivery.firmware;
    let pieces: Pieces | undefined;
    try {
      pieces = await piecesOf(this.#parts.blobs, sha256, size, span);
      return { pieces, first: await pieces.next() };
    } catch (err) {
      pieces?.close();
      // Withdrawn between the look at the token and this one, in a few ms.
      const isWithdrawn = await delivery.isWithdrawn().catch(() => false);
      if (!isWithdrawn)
        this.#parts.log.error(
          { err, req, udid: delivery.udid, firmware: id },
          'firmware bytes cannot be read',
        );
      await delivery.end([0, 0], false, !isWithdrawn);
      if (isWithdrawn) throw new FirmwireError('OTT_UPDATE_NOT_FOUND');
      const isAway = err instanceof FirmwireError && err.code === 'store_unavailable';
      throw isAway ? err : new FirmwireError('internal');
    }
  }

  async #send(
    req: string,
    response: ServerResponse,
    delivery: Delivery,
    span: Span,
    first: Buffer,
    pieces: Pieces,
  ): Promise<void> {
    const [start, end] = span;
    const { telemetry, log, limits } = this.#parts;
    let left = start;
    let whole = false;
    let failed = false;
    let piece = first;
    const stopWatching = watchPace(
      limits.bytesPerSecond,
      limits.everyMs,
      // As if the piece that is leaving had left: how much of it has, nobody tells.
      () => left - start + piece.length,
      () => {
        limits.watch.reached('pace', { udid: delivery.udid });
        response.destroy(new ConnectionLost());
      },
    );
    try {
      while (left + piece.length < end) {
        const leaving = left === start ? writeFirst(response, piece) : write(response, piece);
        // While the kernel takes all at once there is nothing to wait for.
        if (leaving) await leaving;
        left += piece.length;
        telemetry.sent(piece.length);
        const told = delivery.progress(left);
        if (told) await told;
        const next = pieces.next();
        piece = next instanceof Promise ? await next : next;
      }
      if (left > start) await heardOut(response);
      if (await delivery.beforeLastPiece(span)) {
        await finish(response, piece);
        left = end;
        whole = true;
        telemetry.sent(piece.length);
      }
      const facts = { req, udid: delivery.udid, firmware: delivery.firmware.id, left };
      log.debug(facts, whole ? 'a download ended well' : 'a download was overtaken by a newer one');
    } catch (err) {
      const facts = { err, req, udid: delivery.udid, firmware: delivery.firmware.id, left };
      failed = !(err instanceof ConnectionLost);
      if (failed) log.error(facts, 'a download failed');
      else log.debug(facts, 'a download broke off');
    } finally {
      stopWatching();
      if (!whole) response.destroy(new ConnectionLost());
      pieces.close();
      await delivery.end([start, left], whole, failed);
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
