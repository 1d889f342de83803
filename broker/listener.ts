import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TlsOptions, type Server as TlsServer } from 'node:tls';
import type { Aedes } from 'aedes';
import type { Log } from '../core/ports.js';
import { limitPackets, type PacketLimits } from './packet-limit.js';

/**
 * Hands a connection to the broker, with the packet size bounded.
 * @param upgraded the request of a WebSocket, whose socket shows the client's certificate
 */
export function accept(
  broker: Aedes,
  conn: Duplex,
  limits: PacketLimits,
  log: Log,
  upgraded?: IncomingMessage,
): void {
  limitPackets(conn, limits);
  // A connection can fail before Aedes listens to it.
  conn.on('error', (err) => log.debug({ err }, 'connection failed'));
  broker.handle(conn, upgraded);
}

/** What is particular to one MQTT port. */
export interface PortRules {
  /** A CONNACK code turns away a client at this address before a byte of it is read. */
  readonly refuses?: (address: string | undefined) => ConnackCode | undefined;
  /** With this it is an MQTTS port. */
  readonly tls?: TlsPort;
}

/** How MQTTS is spoken. */
export interface TlsPort {
  readonly options: TlsOptions;
  /** The longest record to be sent, bytes (RFC 8446, 5.1). */
  readonly maxFragmentBytes: number;
  /** A handshake has failed. */
  readonly failed: (error: Error) => void;
}

/** Why a CONNECT is refused: 3 server unavailable, 5 not authorized (MQTT 3.1.1, 3.2.2.3). */
export type ConnackCode = 3 | 5;

/** An MQTT port, with TLS or without. */
export class MqttListener {
  readonly server: Server | TlsServer;
  readonly #sockets = new Set<Socket>();

  constructor(
    broker: Aedes,
    limits: PacketLimits,
    log: Log,
    { refuses = () => undefined, tls }: PortRules = {},
  ) {
    const take = (socket: Socket): void => accept(broker, socket, limits, log);
    this.server = tls
      ? secured(tls, take)
      : createServer({ noDelay: true }, (socket) => {
          const code = refuses(socket.remoteAddress);
          if (code === undefined) take(socket);
          else turnAway(socket, code);
        });
    // Below TLS this is the connection that carries it: a handshake that never ends is cut with the rest.
    this.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      // A handshake is what costs most: who may not come is not let to begin it, and nothing can be said without it.
      if (tls && refuses(socket.remoteAddress) !== undefined) socket.destroy();
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** @returns the port in use, which is a free one if 0 was asked for */
  async listen(port: number, host: string): Promise<number> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    const address = this.server.address();
    return typeof address === 'object' && address ? address.port : port;
  }

  /** Takes no more connections. */
  stop(): void {
    this.server.close();
  }

  /** Cuts what is still connected. */
  async close(): Promise<void> {
    const closed = this.server.listening ? once(this.server, 'close') : Promise.resolve();
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function secured({ options, maxFragmentBytes, failed }: TlsPort, take: (socket: Socket) => void): TlsServer {
  const server = createTlsServer({ ...options, noDelay: true }, (socket) => {
    socket.setMaxSendFragment(maxFragmentBytes);
    take(socket);
  });
  return server.on('tlsClientError', (error, socket) => {
    failed(error);
    // Node leaves it open, after the time for it has run out, too.
    socket.destroy();
  });
}

/** Who may not come is told so at once: the key is not asked for, and what was sent of it is not read. */
function turnAway(socket: Socket, code: ConnackCode): void {
  socket.on('error', () => {});
  // Bytes left unread would make the end a reset, which overtakes the answer.
  socket.resume().end(Buffer.of(0x20, 2, 0, code), () => socket.destroySoon());
}
