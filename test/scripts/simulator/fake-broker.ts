import { EventEmitter, on, once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import mqtt, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet';

/** A connection as the broker's end sees it: every packet that came in, in order. */
export class FakeSession extends EventEmitter<{ packet: [Packet]; closed: [] }> {
  readonly packets: Packet[] = [];

  constructor(
    readonly socket: Socket,
    refuse: boolean,
  ) {
    super();
    const parser = mqtt.parser({ protocolVersion: 4 });
    parser.on('packet', (packet) => {
      this.packets.push(packet);
      this.#answer(packet, refuse);
      this.emit('packet', packet);
    });
    socket.on('data', (bytes: Buffer) => parser.parse(bytes));
    socket.on('error', () => {});
    socket.on('close', () => this.emit('closed'));
  }

  /** Its CONNECT, which is always the first packet. */
  get connect(): IConnectPacket {
    const [first] = this.packets;
    if (first?.cmd !== 'connect') throw new Error('No CONNECT');
    return first;
  }

  /** The first PUBLISH, now or as soon as it comes. */
  async published(): Promise<IPublishPacket> {
    const isPublish = (packet: Packet): packet is IPublishPacket => packet.cmd === 'publish';
    const known = this.packets.find(isPublish);
    if (known) return known;
    for await (const [packet] of on(this, 'packet') as AsyncIterable<[Packet]>)
      if (isPublish(packet)) return packet;
    throw new Error('No PUBLISH');
  }

  /** The JSON of its check-in. */
  async checkIn(): Promise<Record<string, string>> {
    return JSON.parse((await this.published()).payload.toString()).registration;
  }

  /** Sends a message to the device. */
  tell(topic: string, payload: string, retain = false): void {
    this.socket.write(mqtt.generate({ cmd: 'publish', topic, payload, qos: 0, retain, dup: false }));
  }

  #answer(packet: Packet, refuse: boolean): void {
    if (packet.cmd === 'connect')
      this.socket.write(mqtt.generate({ cmd: 'connack', returnCode: refuse ? 5 : 0, sessionPresent: false }));
    if (packet.cmd === 'subscribe')
      this.socket.write(mqtt.generate({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [0] }));
  }
}

/** A broker that answers CONNECT and SUBSCRIBE and otherwise only listens, so that tests see every byte. */
export class FakeBroker extends EventEmitter<{ session: [FakeSession] }> {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Sessions that no test has looked at yet. */
  readonly #waiting: FakeSession[] = [];
  /** Refuse the next CONNECTs with return code 5. */
  refuse = false;

  constructor() {
    super();
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      const session = new FakeSession(socket, this.refuse);
      session.once('packet', () => {
        this.#waiting.push(session);
        this.emit('session', session);
      });
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next session whose CONNECT has arrived, in order. */
  async next(): Promise<FakeSession> {
    if (this.#waiting.length === 0) await once(this, 'session');
    const session = this.#waiting.shift();
    if (!session) throw new Error('No session');
    return session;
  }

  /** Forgets sessions that nobody asked for. */
  forget(): void {
    this.#waiting.length = 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
