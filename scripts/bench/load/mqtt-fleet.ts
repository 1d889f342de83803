import { updatePayload } from '../../../core/payload.js';
import { newToken } from '../../../core/token.js';
import { nowMs } from '../machine.js';
import { acknowledge, CONNACK, MqttClient, PUBLISH, SUBACK } from './mqtt-client.js';
import {
  checkInPacket,
  connectPacket,
  deviceOf,
  type FleetIdentity,
  publishPacket,
  subscribePacket,
  topicOf,
} from './packets.js';
import { Countdown, type Timing, timing } from './timing.js';

export interface ConnectOptions extends FleetIdentity {
  readonly port: number;
  readonly count: number;
  /** Connections on their way at the same time. */
  readonly window: number;
  readonly qos: 0 | 1;
  /** After SUBACK, check in and wait for the answer. */
  readonly checkIn: boolean;
  /** Every other device subscribes to `/#` instead of its own topic, as one generation does. */
  readonly wildcards?: boolean;
  /** Connections a device tries before it gives up; as many as it takes if not told. */
  readonly tries?: number;
}

/** How the connecting went. */
export interface Connected extends Timing {
  /** Connections that were cut or refused; the device tried again. */
  readonly refused: number;
  /** Devices that gave up. */
  readonly lost: number;
}

const EVERYTHING = '/#';
/** A device comes back on every loop; a little slower here, so that the load can do its work. */
const RETRY_MS = 100;

/** Thousands of devices as an MQTT broker sees them. */
export default class MqttFleet {
  protected fleet: FleetIdentity = { owner: '', key: '', seed: '' };
  private port = 0;
  protected clients: MqttClient[] = [];
  /** What is done with a PUBLISH that arrives; its body lies between `start` and `end`. */
  protected onPublish: (index: number, bytes: Buffer, start: number, end: number) => void = () => {};
  private onConnack: (index: number, code: number) => void = () => {};
  private onSuback: (index: number) => void = () => {};
  private onClosed: (index: number) => void = () => {};
  private closing = false;
  private surplus = 0;

  /**
   * Connects a fleet: CONNECT, SUBSCRIBE and perhaps the check-in of each, `window` at a time. One that is cut or
   * refused tries again.
   */
  async connect(options: ConnectOptions): Promise<Connected> {
    const { count, window, qos, checkIn, wildcards = false, tries = Number.POSITIVE_INFINITY } = options;
    this.fleet = options;
    this.port = options.port;
    const begun = nowMs();
    const starts = new Float64Array(count);
    const failures = new Float64Array(count);
    const settled = new Uint8Array(count);
    const spans: number[] = [];
    const all = new Countdown(count);
    let [next, refused, lost] = [0, 0, 0];
    const open = (index: number): void => {
      this.clients[index] = this.client(index);
      this.clients[index]?.write(connectPacket(options, index));
    };
    const begin = (): void => {
      if (next >= count) return;
      const index = next++;
      starts[index] = nowMs();
      open(index);
    };
    const settle = (index: number): void => {
      settled[index] = 1;
      all.count();
      begin();
    };
    const finish = (index: number): void => {
      if (settled[index]) return;
      spans.push(nowMs() - (starts[index] ?? 0));
      settle(index);
    };
    this.onConnack = (index, code) => {
      const topic = wildcards && index % 2 === 0 ? EVERYTHING : topicOf(options, index);
      if (code === 0) this.clients[index]?.write(subscribePacket(topic, qos));
      else this.clients[index]?.destroy();
    };
    this.onSuback = (index) => {
      if (checkIn) this.clients[index]?.write(checkInPacket(options, index));
      else finish(index);
    };
    this.onPublish = (index) => {
      if (settled[index]) this.surplus++;
      finish(index);
    };
    this.onClosed = (index) => {
      if (this.closing) return;
      refused++;
      const failed = (failures[index] ?? 0) + 1;
      failures[index] = failed;
      if (failed < tries) setTimeout(open, RETRY_MS, index);
      else if (!settled[index]) {
        lost++;
        settle(index);
      }
    };
    for (let i = 0; i < window; i++) begin();
    await all.done('a device connected');
    return { ...timing(begun, spans), refused, lost };
  }

  /** Messages that came although the device had got what it waited for while it connected. */
  strays(): number {
    return this.surplus;
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
    await all.done('a device got its message');
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
    await ready.done('CONNACK');
    const begun = nowMs();
    publisher.write(Buffer.concat(packets));
    await acknowledged.done('PUBACK');
    publisher.destroy();
    return timing(begun, [0]);
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
      (client, first, bytes, start, end) => this.handle(client, first, bytes, start, end),
      () => this.onClosed(index),
    );
  }

  private handle(client: MqttClient, first: number, bytes: Buffer, start: number, end: number): void {
    switch (first >> 4) {
      case PUBLISH:
        acknowledge(client, first, bytes, start);
        this.onPublish(client.index, bytes, start, end);
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
