import { updatePayload } from '../../../core/payload.js';
import { newToken } from '../../../core/token.js';
import { percentile } from '../../simulator/percentile.js';
import { nowMs } from '../machine.js';
import { CONNACK, MqttClient, PUBLISH, SUBACK } from './mqtt-client.js';
import {
  checkInPacket,
  connectPacket,
  deviceOf,
  type FleetIdentity,
  publishPacket,
  subscribePacket,
  topicOf,
} from './packets.js';

export interface ConnectOptions extends FleetIdentity {
  readonly port: number;
  readonly count: number;
  /** Connections on their way at the same time. */
  readonly window: number;
  readonly qos: 0 | 1;
  /** After SUBACK, check in and wait for the answer. */
  readonly checkIn: boolean;
}

/** When something began and ended, ms on `nowMs`, and how long each took, ms. */
export interface Timing {
  readonly begun: number;
  readonly ended: number;
  readonly p50: number;
  readonly p99: number;
}

const puback = (id: number): Buffer => Buffer.of(0x40, 2, id >> 8, id & 0xff);

/** Resolves when so many have been counted. */
class Countdown {
  readonly done: Promise<void>;
  private resolve: () => void = () => {};

  constructor(private left: number) {
    this.done = new Promise((resolve) => {
      this.resolve = resolve;
    });
    if (left === 0) this.resolve();
  }

  count(): void {
    if (--this.left === 0) this.resolve();
  }
}

function timing(begun: number, spans: readonly number[]): Timing {
  const at = (percent: number): number => percentile(spans, percent) ?? 0;
  return { begun, ended: nowMs(), p50: at(50), p99: at(99) };
}

/** Thousands of devices as an MQTT broker sees them. */
export default class MqttFleet {
  private fleet: FleetIdentity = { owner: '', key: '', seed: '' };
  private port = 0;
  private clients: MqttClient[] = [];
  /** What is done with a PUBLISH that arrives. */
  private onPublish: (index: number) => void = () => {};
  private onConnack: (index: number, code: number) => void = () => {};
  private onSuback: (index: number) => void = () => {};
  private onClosed: (index: number) => void = () => {};
  private closing = false;
  private refused = 0;

  /**
   * Connects a fleet: CONNECT, SUBSCRIBE and perhaps the check-in of each, `window` at a time. One that is cut or
   * refused tries again.
   */
  async connect(options: ConnectOptions): Promise<Timing & { readonly refused: number }> {
    const { count, window, qos, checkIn } = options;
    this.fleet = options;
    this.port = options.port;
    const begun = nowMs();
    const starts = new Float64Array(count);
    const spans: number[] = [];
    const all = new Countdown(count);
    let next = 0;
    const open = (index: number): void => {
      this.clients[index] = this.client(index);
      this.clients[index]?.write(connectPacket(options, index));
    };
    const finish = (index: number): void => {
      spans.push(nowMs() - (starts[index] ?? 0));
      all.count();
      begin();
    };
    const begin = (): void => {
      if (next >= count) return;
      const index = next++;
      starts[index] = nowMs();
      open(index);
    };
    this.onConnack = (index, code) => {
      if (code === 0) this.clients[index]?.write(subscribePacket(topicOf(options, index), qos));
      else this.clients[index]?.destroy();
    };
    this.onSuback = (index) => {
      if (checkIn) this.clients[index]?.write(checkInPacket(options, index));
      else finish(index);
    };
    this.onPublish = finish;
    this.onClosed = (index) => {
      if (this.closing) return;
      this.refused++;
      open(index);
    };
    for (let i = 0; i < window; i++) begin();
    await all.done;
    return { ...timing(begun, spans), refused: this.refused };
  }

  /** Waits until every device has got one more message and acknowledged it; call it before the messages are sent. */
  async everyoneHears(): Promise<Timing & { readonly told: number }> {
    const begun = nowMs();
    const all = new Countdown(this.clients.length);
    const heard = new Set<number>();
    const spans: number[] = [];
    this.onPublish = (index) => {
      spans.push(nowMs() - begun);
      if (heard.has(index)) return;
      heard.add(index);
      all.count();
    };
    await all.done;
    return { ...timing(begun, spans), told: spans.length };
  }

  /**
   * Publishes to every device a message of exactly the bytes of an offer, QoS 1, over one connection, as an operator's
   * script would; resolves when the broker has acknowledged them all.
   */
  async publishToAll(version: string): Promise<Timing> {
    const count = this.clients.length;
    const packets: Buffer[] = [];
    for (let index = 0; index < count; index++) {
      const offer = updatePayload(deviceOf(this.fleet, index).udid, version, newToken());
      packets.push(publishPacket(topicOf(this.fleet, index), offer, (index % 65_535) + 1));
    }
    const acknowledged = new Countdown(count);
    const ready = new Countdown(1);
    const publisher = new MqttClient(
      -1,
      this.port,
      (_client, first) => (first >> 4 === CONNACK ? ready.count() : acknowledged.count()),
      () => {},
    );
    publisher.write(connectPacket({ ...this.fleet, seed: 'publisher' }, 0));
    await ready.done;
    const begun = nowMs();
    publisher.write(Buffer.concat(packets));
    await acknowledged.done;
    publisher.destroy();
    return timing(begun, [0]);
  }

  /** Every device checks in `times` times and waits for each answer, `window` devices at a time. */
  async checkIns(times: number, window: number): Promise<Timing> {
    const packets = this.clients.map((_, index) => checkInPacket(this.fleet, index));
    const starts = new Float64Array(packets.length);
    const total = packets.length * times;
    const all = new Countdown(total);
    const spans: number[] = [];
    let next = 0;
    const begin = (): void => {
      if (next >= total) return;
      const index = next++ % packets.length;
      starts[index] = nowMs();
      this.clients[index]?.write(packets[index] as Buffer);
    };
    const begun = nowMs();
    this.onPublish = (index) => {
      spans.push(nowMs() - (starts[index] ?? 0));
      all.count();
      begin();
    };
    for (let i = 0; i < window; i++) begin();
    await all.done;
    return timing(begun, spans);
  }

  /** Drops every connection. */
  disconnect(): void {
    this.closing = true;
    for (const client of this.clients) client.destroy();
  }

  private client(index: number): MqttClient {
    return new MqttClient(
      index,
      this.port,
      (client, first, bytes, start) => this.handle(client, first, bytes, start),
      () => this.onClosed(index),
    );
  }

  private handle(client: MqttClient, first: number, bytes: Buffer, start: number): void {
    switch (first >> 4) {
      case PUBLISH:
        // QoS 1: the packet id stands behind the topic (MQTT 3.1.1, 3.3.2.2).
        if (first & 0x02) client.write(puback(bytes.readUInt16BE(start + 2 + bytes.readUInt16BE(start))));
        this.onPublish(client.index);
        break;
      case CONNACK:
        this.onConnack(client.index, bytes[start + 1] ?? 255);
        break;
      case SUBACK:
        this.onSuback(client.index);
        break;
    }
  }
}
