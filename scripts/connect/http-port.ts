import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../../core/ports.js';
import { answerBrokenRequest } from '../../http-fallback/broken-request.js';
import { answerJson, readBody, refuse } from './answers.js';
import type { Carrier } from './carrier.js';
import type { Limits } from './limits.js';
import type { Link } from './link.js';

/** What devices ask for, and nothing else is carried: neither the API nor the page, whose keys would go in clear here. */
const DEVICE_PATH = /^\/device(\/[\w-]+)*\/?(\?|$)/;

const CHECK_MS = 1000;

/** The HTTP port that devices use. It is a gateway to one server, and no proxy to anywhere else. */
export class HttpPort {
  readonly #server: Server;
  readonly #carrier: Carrier;
  readonly #link: Link;
  readonly #limits: Limits;
  readonly #log: Log;
  #running = 0;
  #drained: (() => void) | undefined;

  constructor(carrier: Carrier, link: Link, limits: Limits, log: Log) {
    this.#carrier = carrier;
    this.#link = link;
    this.#limits = limits;
    this.#log = log;
    this.#server = createServer({
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.requestMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, limits.requestMs),
      noDelay: true,
    });
    // Those that have not sent a request yet count, too.
    this.#server.maxConnections = 2 * limits.requests;
    this.#server
      .on('request', (request, response) => void this.#take(request, response))
      .on('connect', (_request, socket) => {
        socket.on('error', () => {});
        socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      })
      .on('clientError', answerBrokenRequest);
  }

  /** @returns the port in use, which is a free one if 0 was asked for */
  async listen(port: number, host: string): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no more connections. Resolves when no request is under way. */
  async drain(): Promise<void> {
    this.#server.close();
    this.#server.closeIdleConnections();
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  /** Cuts what is still connected. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : Promise.resolve();
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#running += 1;
    const closed = new Promise((resolve) => response.once('close', resolve));
    response.on('error', () => {});
    try {
      await this.#answer(request, response);
    } catch (err) {
      // The device broke off in the middle of its request, or something is wrong here.
      this.#log.debug({ err }, 'a request could not be answered');
      response.destroy();
    }
    await closed;
    this.#running -= 1;
    if (this.#running === 0) this.#drained?.();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request;
    // The absolute form (RFC 9112, 3.2.2) is how one asks a proxy.
    if (!url.startsWith('/')) return refuse(response, 'proxy_refused');
    if (url === '/health') return this.#health(response);
    if (!DEVICE_PATH.test(url)) return refuse(response, 'not_found');
    if (this.#running > this.#limits.requests) return refuse(response, 'gateway_busy');
    const body = await readBody(request, this.#limits.bodyBytes);
    if (!body) {
      refuse(response, 'body_too_large');
      // What has come and is not read would turn the end of the connection into a reset.
      request.resume();
      return;
    }
    await this.#carrier.carry(request, body, response);
  }

  #health(response: ServerResponse): void {
    const uplink = this.#link.isUp ? 'up' : 'down';
    answerJson(response, 200, JSON.stringify({ status: 'ok', uplink }), ['cache-control', 'no-store']);
  }
}
