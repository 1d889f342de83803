import type { Duplex } from 'node:stream';
import { expect } from 'chai';
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type ISubackPacket,
  type Packet,
  parser,
} from 'mqtt-packet';
import { Inbox } from './inbox.js';

export type Connecting = Partial<Omit<IConnectPacket, 'cmd' | 'password'>> & { password?: string };

/** A CONNECT as devices send it: MQTT 3.1.1, clean session. */
export const connectPacket = ({ password = 'key', ...rest }: Connecting = {}): IConnectPacket => ({
  cmd: 'connect',
  clientId: 'client',
  protocolVersion: 4,
  protocolId: 'MQTT',
  clean: true,
  keepalive: 0,
  username: 'user',
  ...rest,
  password: Buffer.from(password),
});

export const publishPacket = (
  topic: string,
  payload = '',
  more: Partial<IPublishPacket> = {},
): IPublishPacket => ({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...more });

/** One end of a connection, packet by packet, without a socket. Acknowledges what it receives. */
export class WireClient {
  /** Everything but messages. */
  readonly answers = new Inbox<Packet>();
  readonly inbox = new Inbox<IPublishPacket & { text: string }>();
  /** Resolves when the broker has let go of the connection. */
  readonly closed: Promise<void>;
  /** False: messages of QoS 1 are not acknowledged. */
  acknowledges = true;
  readonly #conn: Duplex;
  readonly #far: Duplex;
  readonly #unsent: Buffer[] = [];
  #isSending = false;
  #isClosed = false;
  #id = 0;

  /** @param far the broker's end */
  constructor(conn: Duplex, far: Duplex) {
    this.#conn = conn;
    this.#far = far;
    // A pair of streams does not tell one end that the other is gone; sockets do.
    far.once('close', () => conn.push(null));
    const incoming = parser({ protocolVersion: 4 });
    incoming.on('packet', (packet) => this.#take(packet));
    conn.on('data', (chunk: Buffer) => incoming.parse(chunk));
    conn.on('error', () => {});
    this.closed = new Promise((resolve) =>
      conn.once('end', () => {
        this.#isClosed = true;
        resolve();
      }),
    );
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends packets, or bytes, in one chunk. */
  send(...packets: (Packet | Buffer)[]): void {
    this.#unsent.push(...packets.map((packet) => (Buffer.isBuffer(packet) ? packet : generate(packet))));
    if (!this.#isSending) this.#flush();
  }

  /**
   * One write at a time, the next one in a later turn, as from a socket. A pair of streams would hand over a waiting
   * write inside the broker's `read()`, and the parser of mqtt-packet is not re-entrant.
   */
  #flush(): void {
    const chunk = Buffer.concat(this.#unsent.splice(0));
    this.#isSending = chunk.length > 0;
    if (this.#isSending) this.#conn.write(chunk, () => setImmediate(() => this.#flush()));
  }

  /** @returns the code of the CONNACK */
  async connect(options: Connecting = {}): Promise<number | undefined> {
    this.send(connectPacket(options));
    return (await this.connack()).returnCode;
  }

  async connack(): Promise<IConnackPacket> {
    return (await this.#answer('connack')) as IConnackPacket;
  }

  /** @returns the codes of the SUBACK */
  async subscribe(filters: readonly string[], qos: 0 | 1 | 2 = 0): Promise<unknown[]> {
    const messageId = ++this.#id;
    this.send({ cmd: 'subscribe', messageId, subscriptions: filters.map((topic) => ({ topic, qos })) });
    return ((await this.#answer('suback', messageId)) as ISubackPacket).granted;
  }

  async unsubscribe(...unsubscriptions: string[]): Promise<void> {
    const messageId = ++this.#id;
    this.send({ cmd: 'unsubscribe', messageId, unsubscriptions });
    await this.#answer('unsuback', messageId);
  }

  /** Resolves when it has been acknowledged, or at QoS 0 at once. */
  async publish(topic: string, payload = '', qos: 0 | 1 | 2 = 0, retain = false): Promise<void> {
    const messageId = ++this.#id;
    this.send(publishPacket(topic, payload, { qos, retain, ...(qos > 0 && { messageId }) }));
    if (qos === 1) await this.#answer('puback', messageId);
    if (qos < 2) return;
    await this.#answer('pubrec', messageId);
    this.send({ cmd: 'pubrel', messageId });
    await this.#answer('pubcomp', messageId);
  }

  /** Resolves when the broker answers a PINGREQ: the session is there. */
  async ping(): Promise<void> {
    this.send({ cmd: 'pingreq' });
    await this.#answer('pingresp');
  }

  /** Waits for one message. */
  message(topic: string): Promise<IPublishPacket & { text: string }> {
    return this.inbox.next(`a message on ${topic}`, (message) => message.topic === topic);
  }

  /** The topics of all messages so far. */
  get topics(): string[] {
    return this.inbox.all.map(({ topic }) => topic);
  }

  /** Ends the connection as a lost network does: without DISCONNECT. */
  async drop(): Promise<void> {
    this.#conn.end();
    await this.closed;
  }

  /** Ends the connection at once, read or unread, as a reset does. */
  async reset(): Promise<void> {
    this.#far.destroy(new Error('reset'));
    await this.closed;
  }

  async disconnect(): Promise<void> {
    this.send({ cmd: 'disconnect' });
    await this.closed;
  }

  async #answer(cmd: Packet['cmd'], messageId?: number): Promise<Packet> {
    const fits = (packet: Packet) =>
      packet.cmd === cmd && (messageId === undefined || packet.messageId === messageId);
    const ended = this.closed.then(() => undefined);
    const packet = await Promise.race([this.answers.next(cmd, fits), ended]);
    const late = packet ?? this.answers.all.findLast(fits);
    expect(late, `${cmd} before the connection ends`).not.to.equal(undefined);
    return late as Packet;
  }

  #take(packet: Packet): void {
    if (packet.cmd !== 'publish') {
      this.answers.push(packet);
      if (packet.cmd === 'pubrel' && packet.messageId !== undefined)
        this.send({ cmd: 'pubcomp', messageId: packet.messageId });
      return;
    }
    this.inbox.push({ ...packet, text: packet.payload.toString() });
    const { messageId } = packet;
    if (!this.acknowledges || messageId === undefined) return;
    this.send(packet.qos === 2 ? { cmd: 'pubrec', messageId } : { cmd: 'puback', messageId });
  }
}
