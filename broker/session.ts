import { setImmediate } from 'node:timers/promises';
import type { Client } from 'aedes';
import { filterMatches } from '../core/topics.js';
import { Corked, roomIn } from './corked.js';
import type { Flusher } from './flusher.js';
import { takePacketId } from './packet-id.js';
import type { Identity, Message, Session } from './plugin.js';
import { type Publication, publishBytes } from './publish-bytes.js';
import type { Granted, RetainedMessage } from './retained.js';

/** What may wait in a session's socket, bytes. Who reads so little is cut: what it is owed stands in the stores. */
const MOST_UNREAD = 65_536;

/** The way out that all sessions of a broker share. */
export interface Outlet {
  readonly flusher: Flusher;
  /** Asked for every message that is sent to a session. */
  mayReceive(session: Session, message: Message): boolean;
}

/** A session on an Aedes client. */
export class AedesSession implements Session {
  readonly clientId: string;
  readonly #client: Client;
  readonly #outlet: Outlet;
  readonly #subscriptions = new Map<string, 0 | 1 | 2>();
  /** Retained messages that are on their way to this session. */
  readonly #replays = new Set<{ readonly held: Corked; readonly said: Set<string> }>();
  #identity: Identity;
  #open = true;

  constructor(client: Client, identity: Identity, outlet: Outlet) {
    this.clientId = client.id;
    this.#client = client;
    this.#identity = identity;
    this.#outlet = outlet;
  }

  get persistent(): boolean {
    return !this.#client.clean;
  }

  get identity(): Identity {
    return this.#identity;
  }

  get open(): boolean {
    return this.#open && !this.#client.closed;
  }

  grantedQos(topic: string): 0 | 1 | 2 | undefined {
    // A device has one subscription, and it names its topic.
    if (this.#subscriptions.size === 1 && this.#subscriptions.has(topic))
      return this.#subscriptions.get(topic);
    let best: 0 | 1 | 2 | undefined;
    for (const [filter, qos] of this.#subscriptions) {
      if (filterMatches(filter, topic) && (best === undefined || qos > best)) best = qos;
    }
    return best;
  }

  /** What was granted so far. */
  get filters(): readonly string[] {
    return [...this.#subscriptions.keys()];
  }

  /** What was granted so far, and at which QoS. */
  get granted(): readonly Granted[] {
    return [...this.#subscriptions].map(([topic, qos]) => ({ topic, qos }));
  }

  /** Takes note of what was granted. */
  subscribed(filter: string, qos: 0 | 1 | 2): void {
    this.#subscriptions.set(filter, qos);
  }

  unsubscribed(filter: string): void {
    this.#subscriptions.delete(filter);
  }

  bind(udid: string): void {
    const { scope } = this.#identity;
    if (scope === 'device' && this.#identity.udid === undefined) this.#identity = { ...this.#identity, udid };
  }

  /**
   * The bytes go to the socket as they are, past Aedes' queues and its check for duplicates: so a push neither loses nor
   * is lost to a broadcast, costs a third less, and a persistent session does not keep it for a time when its token
   * is long dead. The packet id is one of Aedes' own row: its PUBACK is harmless, Aedes knows no such message.
   */
  async send(topic: string, payload: string, qos: 0 | 1): Promise<void> {
    if (!this.open) return;
    const bytes = Buffer.from(payload);
    if (!this.#outlet.mayReceive(this, { topic, payload: bytes, qos, retain: false, pushed: true })) return;
    const { conn } = this.#client;
    if (conn.writableLength > MOST_UNREAD) return this.close();
    await this.#outlet.flusher.write(conn, this.#packet({ topic, payload: bytes, qos, retain: false }));
  }

  /** To be called before a message leaves for this session: what was read of its topic for a replay is older. */
  forwards(topic: string): void {
    for (const { held, said } of this.#replays) {
      held.release();
      said.add(topic);
    }
  }

  /**
   * Sends retained messages, many in one write, as fast as the session reads them, and lets others have their turn in
   * between. One that follows from the records is left out if something newer has been said on its topic meanwhile. Ends
   * early when the session is gone.
   * @param isNew false: the subscription stands, and they are sent as messages of now (MQTT 3.1.1, 3.3.1.3)
   */
  async replay(groups: AsyncIterable<Iterable<RetainedMessage>>, isNew = true): Promise<void> {
    const { conn } = this.#client;
    const held = new Corked(conn);
    const replay = { held, said: new Set<string>() };
    this.#replays.add(replay);
    try {
      for await (const group of groups) {
        for (const { topic, payload, qos, derived, owner } of group) {
          if (!this.open) return;
          if (derived && replay.said.has(topic)) continue;
          const message = { topic, payload, qos, retain: isNew, pushed: false, owner };
          if (!this.#outlet.mayReceive(this, message)) continue;
          held.add(this.#packet({ topic, payload, qos, retain: isNew }));
          if (!held.isFull) continue;
          held.release();
          if (conn.writableNeedDrain) await roomIn(conn);
          // `drain` can come within the same turn: the kernel takes much at once.
          await setImmediate();
        }
      }
    } finally {
      held.release();
      this.#replays.delete(replay);
    }
  }

  #packet(message: Publication): Buffer {
    return publishBytes(message, message.qos === 0 ? 0 : takePacketId(this.#client));
  }

  close(): void {
    this.#client.close();
  }

  /** The connection is gone. */
  ended(): void {
    this.#open = false;
  }
}
