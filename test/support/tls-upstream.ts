import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Pair } from './certificates.js';
import { Inbox } from './inbox.js';

/** A request as the upstream saw it. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  /** Names and values in turn, as they came. */
  readonly raw: readonly string[];
  readonly body: string;
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
}

/** Stands for the server behind a gateway: answers over TLS as a test says, and keeps what it was asked. */
export class TlsUpstream {
  readonly asked: Asked[] = [];
  answer: (response: ServerResponse, asked: Asked) => void = (response) => response.end();
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor(
    readonly server: Server,
    readonly port: number,
  ) {
    const numbers = new WeakMap<Socket, number>();
    server.on('secureConnection', (socket: Socket) => {
      this.#connections += 1;
      numbers.set(socket, this.#connections);
    });
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (request, response) => {
      void this.#take(request, response, numbers.get(request.socket) ?? 0).catch(() => undefined);
    });
  }

  static async start(pair: Pair): Promise<TlsUpstream> {
    const server = createServer({ ...pair, keepAliveTimeout: 60_000 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TlsUpstream(server, (server.address() as AddressInfo).port);
  }

  /** How many handshakes have ended well. */
  get connections(): number {
    return this.#connections;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse, connection: number): Promise<void> {
    const { method = '', url = '', rawHeaders } = request;
    const asked = { method, url, raw: rawHeaders, body: await text(request), connection };
    this.asked.push(asked);
    this.answer(response, asked);
  }
}

/** Stands for the MQTTS port behind a gateway: hands over each connection whose handshake has ended. */
export class TlsSocketUpstream {
  readonly inbox = new Inbox<TLSSocket>();
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly server: TlsServer,
    readonly port: number,
  ) {
    server.on('connection', (socket: Socket) => this.#keep(socket));
    server.on('secureConnection', (socket) => {
      socket.on('error', () => {});
      this.inbox.push(socket);
    });
  }

  static async start(pair: Pair): Promise<TlsSocketUpstream> {
    const server = createTlsServer(pair);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TlsSocketUpstream(server, (server.address() as AddressInfo).port);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
