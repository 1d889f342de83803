import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and a server on 127.0.0.1, and can stop passing anything on without a word. */
export class TcpProxy {
  /** True: connections made from now on are taken, and nothing passes on any. */
  isFrozen = false;
  /** How many bytes have come from the server. */
  received = 0;
  /** Where it listens, or did. */
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => {
      this.#keep(client);
      if (this.isFrozen) return;
      const onward = connect(target, '127.0.0.1');
      this.#keep(onward);
      this.#pass(client, onward);
      this.#pass(onward, client);
      onward.on('data', (bytes) => {
        this.received += bytes.length;
      });
    });
  }

  /** @param port where to listen; 0: anywhere */
  static async start(target: number, port = 0): Promise<TcpProxy> {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target);
  }

  /** Resolves once so many more connections have come. */
  async connections(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await once(this.#server, 'connection');
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
  }

  #pass(from: Socket, to: Socket): void {
    from.on('data', (bytes) => {
      if (!this.isFrozen) to.write(bytes);
    });
    from.on('close', () => to.destroy());
  }
}
