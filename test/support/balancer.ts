import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** One connection that went through. */
export interface Passage {
  /** The port that it was led to. */
  readonly port: number;
  /** The first bytes that the client sent, as text. */
  request: string;
  /** The head of the answer, as text. */
  head: string;
  /** Bytes that came back, head included. */
  received: number;
}

/** Leads each TCP connection to the next of several ports, as a load balancer does that knows which are alive. */
export class Balancer {
  /** Every connection so far. */
  readonly passages: Passage[] = [];
  /** How many bytes of an answer come through before it is held up. */
  holdAfter = Number.POSITIVE_INFINITY;
  #alive: readonly number[];
  #turn = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<Socket>();
  readonly #waiting = new Set<() => void>();

  private constructor(ports: readonly number[]) {
    this.#alive = ports;
    this.#server = createServer((client) => this.#lead(client));
  }

  static async start(ports: readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(ports);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on connections are led to these ports only. Those that stand go on. */
  use(ports: readonly number[]): void {
    this.#alive = ports;
  }

  /** Resolves once so many connections are held up. */
  async holds(count: number): Promise<void> {
    while (this.#held.size < count) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Holds up nothing any more. */
  release(): void {
    this.holdAfter = Number.POSITIVE_INFINITY;
    for (const socket of this.#held) socket.resume();
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #lead(client: Socket): void {
    const port = this.#alive[this.#turn++ % this.#alive.length] ?? 0;
    const node = connect(port, '127.0.0.1');
    const passage: Passage = { port, request: '', head: '', received: 0 };
    this.passages.push(passage);
    this.#join(client, node);
    this.#join(node, client);
    client.once('data', (bytes) => {
      passage.request = bytes.toString('latin1');
    });
    node.once('data', (bytes) => {
      passage.head = bytes.toString('latin1').split('\r\n\r\n')[0] ?? '';
    });
    node.on('data', (bytes) => {
      passage.received += bytes.length;
      if (passage.received < this.holdAfter || this.#held.has(node)) return;
      this.#held.add(node);
      for (const resolve of this.#waiting) resolve();
      this.#waiting.clear();
    });
    client.pipe(node);
    node.on('data', (bytes) => {
      if (!client.write(bytes)) node.pause();
      if (this.#held.has(node)) node.pause();
    });
    client.on('drain', () => {
      if (!this.#held.has(node)) node.resume();
    });
    node.on('end', () => client.end());
  }

  /** What ends one end badly ends the other. */
  #join(one: Socket, other: Socket): void {
    this.#sockets.add(one);
    one.setNoDelay(true);
    one.on('error', () => other.destroy());
    one.on('close', () => {
      this.#sockets.delete(one);
      this.#held.delete(one);
      if (!one.readableEnded) other.destroy();
    });
  }
}
