import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Stands between a client and a server of this machine. What is swallowed is never answered and never closed, as when
 * the machine at the other end has lost its power; connections made after that go through.
 */
export class BlackHole {
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** @param port where connections lead to */
  static async before(port: number): Promise<BlackHole> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const hole = new BlackHole(server, (server.address() as AddressInfo).port);
    server.on('connection', (near) => hole.#join(near, connect(port, '127.0.0.1')));
    return hole;
  }

  /** Swallows the connections there are. */
  swallow(): void {
    for (const [near, far] of this.#pairs) {
      near.removeAllListeners('data').removeAllListeners('close').resume();
      far.removeAllListeners('close').destroy();
    }
  }

  async close(): Promise<void> {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.server.close();
    await once(this.server, 'close');
  }

  #join(near: Socket, far: Socket): void {
    this.#pairs.add([near, far]);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('data', (chunk) => other.write(chunk));
      one.on('close', () => other.destroy());
      one.on('error', () => {});
    }
  }
}
