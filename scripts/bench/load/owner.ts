import { nowMs } from '../machine.js';
import type { MqttClient } from './mqtt-client.js';
import { type Login, subscribePacket } from './packets.js';
import { openSession } from './session.js';
import { Countdown } from './timing.js';

/** What an owner is sent: the kinds under `/<owner>/rtm/`, and everything else. */
export type Kind = 'firmware' | 'devices' | 'notices' | 'events' | 'server' | 'application';
export type Counts = Readonly<Partial<Record<Kind, number>>>;

/** What came from the beginning of a wait to its end. */
export interface Heard {
  /** Both on `nowMs`. */
  readonly begun: number;
  readonly ended: number;
  /** Bytes of the payloads of the kinds that were waited for. */
  readonly bytes: number;
}

/** `/<owner>/rtm/<kind>/...` */
const kindOf = (topic: string): Kind => {
  const [, , third, fourth] = topic.split('/', 4);
  return third === 'rtm' ? (fourth as Kind) : 'application';
};

/** An owner who listens at QoS 1 and acknowledges. */
export default class Owner {
  private client: MqttClient | undefined;
  private onMessage: (kind: Kind, topic: string, bytes: number) => void = () => {};
  private readonly counted: Record<Kind, number> = {
    firmware: 0,
    devices: 0,
    notices: 0,
    events: 0,
    server: 0,
    application: 0,
  };

  async login(login: Login): Promise<void> {
    this.client = await openSession(login, {
      onPublish: (bytes, start, end) => this.take(bytes, start, end),
    });
  }

  /** Subscribes and waits for what is kept; the time runs from SUBSCRIBE. */
  async subscribe(filter: string, expected: Counts): Promise<Heard> {
    const heard = this.hears(expected);
    this.client?.write(subscribePacket(filter, 1));
    return heard;
  }

  /** Waits for messages on so many different topics of each kind from now on. */
  async hears(expected: Counts): Promise<Heard> {
    const begun = nowMs();
    const all = new Countdown(Object.values(expected).reduce((sum, each) => sum + each, 0));
    const topics: Record<Kind, Set<string>> = {
      firmware: new Set(),
      devices: new Set(),
      notices: new Set(),
      events: new Set(),
      server: new Set(),
      application: new Set(),
    };
    let bytes = 0;
    this.onMessage = (kind, topic, length) => {
      const known = topics[kind];
      // An empty payload takes a message back.
      if (length === 0 || known.has(topic) || known.size >= (expected[kind] ?? 0)) return;
      known.add(topic);
      bytes += length;
      all.count();
    };
    await all.done('a message for the owner');
    return { begun, ended: nowMs(), bytes };
  }

  /** Messages of each kind since the login, repeated ones too. */
  async totals(): Promise<Counts> {
    return { ...this.counted };
  }

  async logout(): Promise<void> {
    this.client?.destroy();
    for (const kind of Object.keys(this.counted) as Kind[]) this.counted[kind] = 0;
  }

  private take(bytes: Buffer, start: number, end: number): void {
    const after = start + 2 + bytes.readUInt16BE(start);
    const topic = bytes.toString('latin1', start + 2, after);
    const kind = kindOf(topic);
    this.counted[kind]++;
    // A retained message of ours has QoS 1: its packet id stands before the payload.
    this.onMessage(kind, topic, end - after - 2);
  }
}
