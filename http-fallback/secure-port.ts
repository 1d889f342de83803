import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket, type TlsOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';

/** How often Node looks for requests whose head is late, ms; one number for both doors. */
export const CONNECTIONS_CHECK_MS = 5000;

/** How HTTPS is spoken; as `TlsPort` of broker/listener.ts, which this folder does not know. */
export interface SecurePortParts {
  readonly options: TlsOptions;
  /** The longest record to be sent, bytes (RFC 8446, 5.1). */
  readonly maxFragmentBytes: number;
  /** A handshake has failed. */
  readonly failed: (error: Error) => void;
}

/** True for a connection with TLS. */
export const isSecure = (socket: Socket): boolean => socket instanceof TLSSocket;

/**
 * A second door to one HTTP side: what arrives over TLS is handed to the app as if it had arrived on its own port, so
 * that both behave the same, to the byte.
 */
export class SecurePort {
  readonly server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param app must be ready; its own port decides the time limits of this one, too */
  constructor(app: FastifyInstance, { options, maxFragmentBytes, failed }: SecurePortParts) {
    const plain = app.server;
    const shaken = new WeakSet<Socket>();
    this.server = createServer({
      ...options,
      noDelay: true,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    });
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout } = plain;
    Object.assign(this.server, { headersTimeout, requestTimeout, keepAliveTimeout, timeout });
    this.server
      .on('connection', (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      })
      .on('secureConnection', (socket: TLSSocket) => {
        shaken.add(socket);
        socket.setMaxSendFragment(maxFragmentBytes);
      })
      .on('tlsClientError', failed)
      .on('request', (request, response) => plain.emit('request', request, response))
      .on('upgrade', (request, socket, head) => plain.emit('upgrade', request, socket, head))
      .on('clientError', (error: Error, socket: Socket) => {
        // Without a finished handshake there is nobody to answer: it was no TLS, or none that we speak.
        if (!shaken.has(socket)) socket.destroy();
        else plain.emit('clientError', error, socket);
      });
  }

  /** @returns the port in use, which is a free one if 0 was asked for */
  async listen(port: number, host: string): Promise<number> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  /** Takes no more connections, and cuts what is still connected. */
  async close(): Promise<void> {
    const closed = this.server.listening ? once(this.server, 'close') : Promise.resolve();
    this.server.close();
    // Node's own way leaves those whose handshake has not ended, and those that were upgraded.
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
