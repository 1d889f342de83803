import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../../core/ports.js';
import { RELAY_HEADER, readTicket, TICKET_TYPE } from '../../http-fallback/relay/ticket.js';
import { readBody, refuse } from './answers.js';
import type { Channel } from './channel.js';
import type { Delivering } from './delivering.js';
import { endToEnd } from './headers.js';
import type { Limits } from './limits.js';
import type { Link } from './link.js';
import type { Offline } from './offline.js';
import type { Uplink } from './uplink.js';

export interface CarrierParts {
  readonly uplink: Uplink;
  readonly link: Link;
  readonly delivering: Delivering;
  readonly offline: Offline;
  readonly limits: Limits;
  readonly log: Log;
}

/** Carries requests of devices to the server, and its answers back. */
export class Carrier {
  readonly #parts: CarrierParts;

  constructor(parts: CarrierParts) {
    this.#parts = parts;
  }

  /** Answers a device, always: with what the server says, or with what is left to say while it cannot be reached. */
  async carry(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const { uplink, link, offline, log } = this.#parts;
    if (!link.isUp) return offline.answer(request, body, response);
    const channel = uplink.take();
    let clean = false;
    try {
      const answer = await this.#ask(channel, request, body);
      if (answer) clean = await this.#pass(channel, answer, request, body, response);
      else offline.answer(request, body, response);
    } catch (err) {
      log.debug({ err }, 'an answer could not be passed on');
      refuse(response, 'uplink_down');
    } finally {
      uplink.give(channel, clean);
    }
  }

  /** @returns undefined if the server cannot be reached */
  async #ask(channel: Channel, request: IncomingMessage, body: Buffer): Promise<IncomingMessage | undefined> {
    const { link, log } = this.#parts;
    const headers = [
      ...endToEnd(request.rawHeaders, 'host', 'content-length', RELAY_HEADER),
      RELAY_HEADER,
      '1',
    ];
    const { method = 'GET', url = '/' } = request;
    const hasBody = body.length > 0 || request.headers['content-length'] !== undefined;
    try {
      const answer = await channel.ask({ method, path: url, headers, body: hasBody ? body : undefined });
      link.up();
      return answer;
    } catch (err) {
      log.debug({ err }, 'the server has not answered');
      link.doubt();
      return undefined;
    }
  }

  /** @returns true if the channel can be used again */
  async #pass(
    channel: Channel,
    answer: IncomingMessage,
    request: IncomingMessage,
    asked: Buffer,
    response: ServerResponse,
  ): Promise<boolean> {
    const { limits, offline, delivering } = this.#parts;
    const status = answer.statusCode ?? 502;
    const length = Number(answer.headers['content-length'] ?? Number.NaN);
    const headers = endToEnd(answer.rawHeaders, 'content-length');
    if (length > limits.answerBytes) {
      // A server that gives no tickets sends the body itself.
      response.sendDate = false;
      response.writeHead(status, [...headers, 'Content-Length', String(length), 'Connection', 'close']);
      await pipeline(answer, response);
      return answer.complete;
    }
    const body = await readBody(answer, limits.answerBytes);
    if (!body) throw new Error('the answer is too long, and does not say how long it is');
    if (status === 200 && answer.headers['content-type'] === TICKET_TYPE) {
      const ticket = readTicket(body.toString());
      if (!ticket) throw new Error('the server sent a ticket that cannot be read');
      return delivering.deliver(ticket, channel, response);
    }
    if (status === 200) offline.learn(request, asked, body);
    response.sendDate = false;
    response.writeHead(status, ['connection', 'close', ...headers, 'content-length', String(body.length)]);
    response.end(body);
    return true;
  }
}
