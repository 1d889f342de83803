import type { Client } from 'aedes';
import { filterMatches } from '../core/topics.js';
import type { Identity, Session } from './plugin.js';

/** How the fold recognises the server's own message to one session; see `AedesSession.send`. */
export interface PushMark {
  readonly brokerId: string;
  readonly counter: number;
}

/** A session on an Aedes client. */
export class AedesSession implements Session {
  readonly clientId: string;
  readonly #client: Client;
  readonly #pushId: string;
  readonly #subscriptions = new Map<string, 0 | 1 | 2>();
  #identity: Identity;
  #pushes = 0;
  readonly #inFlight = new Set<number>();
  #open = true;

  /** @param pushId a broker id that only pushes to this session carry */
  constructor(client: Client, identity: Identity, pushId: string) {
    this.clientId = client.id;
    this.#client = client;
    this.#identity = identity;
    this.#pushId = pushId;
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
   * The message carries a broker id and a counter of its own. Aedes drops a message whose counter was overtaken under
   * the same broker id (`dedupe`), so with its own id a push neither loses nor is lost to a broadcast; and the mark
   * tells a push of now from one that a persistent session kept in its queue, whose token may be long dead.
   */
  async send(topic: string, payload: string, qos: 0 | 1): Promise<void> {
    // To a client that has just left Aedes would wait for the whole drain time-out.
    if (!this.open) return;
    const counter = ++this.#pushes;
    const packet = {
      cmd: 'publish' as const,
      topic,
      payload: Buffer.from(payload),
      qos,
      retain: false,
      dup: false,
      brokerId: this.#pushId,
      brokerCounter: counter,
    };
    this.#inFlight.add(counter);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#client.publish(packet, (error) => (error ? reject(error) : resolve()));
      });
    } finally {
      this.#inFlight.delete(counter);
    }
  }

  /** True for a push that is being sent to this session, and no other message. */
  isPush(mark: PushMark): boolean {
    return mark.brokerId === this.#pushId && this.#inFlight.has(mark.counter);
  }

  close(): void {
    this.#client.close();
  }

  /** The connection is gone. */
  ended(): void {
    this.#open = false;
  }
}
