import type { ServerResponse } from 'node:http';
import type { Clock, Log } from '../../core/ports.js';
import { ConnectionLost, socketOf } from '../../http-fallback/device/connection.js';
import { handOver } from '../../http-fallback/device/hand-over.js';
import { type Pieces, piecesOf } from '../../http-fallback/device/pieces.js';
import type { Ticket } from '../../http-fallback/relay/ticket.js';
import { refuse } from './answers.js';
import type { Bodies } from './bodies.js';
import type { Channel } from './channel.js';
import { endToEnd } from './headers.js';
import type { Limits } from './limits.js';
import { RemoteAttempt } from './remote-attempt.js';

export interface DeliveringParts {
  readonly bodies: Bodies;
  readonly limits: Pick<Limits, 'bytesPerSecond' | 'paceMs'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Hands firmware to devices by the server's tickets (docs/gateway.md). */
export class Delivering {
  readonly #parts: DeliveringParts;

  constructor(parts: DeliveringParts) {
    this.#parts = parts;
  }

  /** Ends when the device has its body, or is gone. @returns true if the channel can be used again */
  async deliver(ticket: Ticket, channel: Channel, response: ServerResponse): Promise<boolean> {
    const { clock, log, limits } = this.#parts;
    const { bytesPerSecond, paceMs } = limits;
    const cut = (): void => void response.destroy(new ConnectionLost());
    const attempt = new RemoteAttempt({ ticket, channel, clock, log, cut });
    const opened = await this.#open(ticket, attempt, response, cut);
    if (!opened) return false;
    response.sendDate = false;
    const headers = Object.entries(ticket.headers).flatMap(([name, value]) => [name, String(value)]);
    response.writeHead(ticket.status, [...endToEnd(headers), 'Connection', 'close']);
    await handOver({
      response,
      attempt,
      span: ticket.span,
      ...opened,
      sent: () => {},
      pace: { bytesPerSecond, everyMs: paceMs, tooSlow: () => log.debug({}, 'a download was too slow') },
      log,
      facts: { sha256: ticket.sha256 },
    });
    return true;
  }

  /** The first piece, before the device is promised anything. */
  async #open(
    ticket: Ticket,
    attempt: RemoteAttempt,
    response: ServerResponse,
    cut: () => void,
  ): Promise<{ pieces: Pieces; first: Buffer } | undefined> {
    const { bodies, log } = this.#parts;
    const { sha256, size, span } = ticket;
    let pieces: Pieces | undefined;
    try {
      socketOf(response).setTimeout(ticket.idleMs, cut);
      const source = await bodies.read({ sha256, size, span }, (from) => attempt.body(from));
      pieces = await piecesOf({ cached: async () => undefined, open: () => source }, sha256, size, span);
      return { pieces, first: await pieces.next() };
    } catch (err) {
      pieces?.close();
      if (!(err instanceof ConnectionLost)) log.warn({ err, sha256 }, 'a firmware could not be fetched');
      refuse(response, 'uplink_down');
      await attempt.end([span[0], span[0]], false);
      return undefined;
    }
  }
}
