import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Aedes } from 'aedes';
import type { Log } from '../core/ports.js';
import { limitPackets, type PacketLimits } from './packet-limit.js';

/** Hands a connection to the broker, with the packet size bounded. */
export function accept(broker: Aedes, conn: Duplex, limits: PacketLimits, log: Log): void {
  limitPackets(conn, limits, () =>
    log.warn({}, 'connection cut: its packet is larger than mqtt.maxPacketBytes'),
  );
  // A connection can fail before Aedes listens to it.
  conn.on('error', (err) => log.debug({ err }, 'connection failed'));
  broker.handle(conn);
}

/** The MQTT port. */
export class MqttListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(broker: Aedes, limits: PacketLimits, log: Log) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      accept(broker, socket, limits, log);
    });
  }

  /** @returns the port in use, which is a free one if 0 was asked for */
  async listen(port: number, host: string): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : port;
  }

  /** Takes no more connections. */
  stop(): void {
    this.#server.close();
  }

  /** Cuts what is still connected. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : Promise.resolve();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
