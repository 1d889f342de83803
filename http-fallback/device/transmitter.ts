import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Span } from '../../core/coverage.js';
import { FirmwireError } from '../../core/errors.js';
import type { Firmware } from '../../core/firmware.js';
import type { LimitWatch } from '../../core/limits.js';
import type { BlobStore, Log, Telemetry } from '../../core/ports.js';
import type { Delivery, Downloads, Found } from '../../core/services/downloads.js';
import type { Relays } from '../relay/relays.js';
import { asksForTicket, TICKET_TYPE } from '../relay/ticket.js';
import { ConnectionLost } from './connection.js';
import { handOver } from './hand-over.js';
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
  /** The attempts that gateways carry out. */
  readonly relays: Relays;
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
   * Redeems a token and sends what it is for; a gateway gets a ticket for it.
   * @throws FirmwireError before any byte has left; after that a failure cuts the connection
   */
  async redeem(token: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { isFull, watch } = this.#parts.limits;
    if (isFull()) {
      watch.reached('downloads');
      reply.header('Retry-After', RETRY_SECONDS);
      throw new FirmwireError('too_many_downloads');
    }
    const found = await this.#parts.downloads.find(token, freeSpaceOf(request));
    const selection = select(request, reply, found.firmware);
    if (asksForTicket(request)) return this.#relay(found, selection, reply);
    const response = reply.raw;
    const cut = (): void => void response.destroy(new ConnectionLost());
    const delivery = await this.#parts.downloads.begin(found, cut);
    response.socket?.setTimeout(this.#parts.idleMs, cut);
    const { pieces, first } = await this.#open(request.id, delivery, selection.span);
    reply.hijack();
    response.writeHead(selection.partial ? 206 : 200, headersFor(found.firmware, selection));
    const { telemetry, log, limits } = this.#parts;
    const { udid } = delivery;
    await handOver({
      response,
      attempt: delivery,
      span: selection.span,
      first,
      pieces,
      sent: (bytes) => telemetry.sent(bytes),
      pace: { ...limits, tooSlow: () => limits.watch.reached('pace', { udid }) },
      log,
      facts: { req: request.id, udid, firmware: delivery.firmware.id },
    });
    return reply;
  }

  /** Begins the attempt all the same; how it goes on, the gateway says (docs/gateway.md). */
  async #relay(found: Found, selection: Selection, reply: FastifyReply): Promise<FastifyReply> {
    const { relays, downloads } = this.#parts;
    const headers = headersFor(found.firmware, selection);
    const ticket = await relays.begin((abort) => downloads.begin(found, abort), selection, headers);
    return reply.type(TICKET_TYPE).send(Buffer.from(JSON.stringify(ticket)));
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

/** What a device that checks for itself needs, before the first byte. Without it nothing changes for the others. */
const manifestHeader = ({ manifest }: Firmware): Record<string, string> =>
  manifest === undefined ? {} : { 'Firmwire-Manifest': Buffer.from(manifest).toString('base64url') };

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
    ...manifestHeader(firmware),
    Connection: 'close',
  };
}
