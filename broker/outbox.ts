import type { Aedes } from 'aedes';
import type { Log, Outbox } from '../core/ports.js';
import { markOf, namesNoOwner } from './ownerless.js';

/** A message that has not left yet. */
interface Waiting {
  readonly topic: string;
  payload: string;
  readonly retain: boolean;
}

/** What waits for one owner: first in, first out. */
class Queue {
  readonly #waiting = new Set<Waiting>();
  readonly #retained = new Map<string, Waiting>();
  /** Settles when the queue has run empty. */
  running: Promise<void> | undefined;

  get length(): number {
    return this.#waiting.size;
  }

  /** A retained message that has not left is replaced where it stands: only the last one would be kept anyway. */
  add(message: Waiting): void {
    const older = message.retain ? this.#retained.get(message.topic) : undefined;
    if (older) {
      older.payload = message.payload;
      return;
    }
    this.#waiting.add(message);
    if (message.retain) this.#retained.set(message.topic, message);
  }

  next(): Waiting | undefined {
    for (const message of this.#waiting) {
      this.#waiting.delete(message);
      if (message.retain) this.#retained.delete(message.topic);
      return message;
    }
    return undefined;
  }
}

/**
 * Publishes to owners. Messages of one owner leave one after the other, under a broker id of their own: Aedes drops a
 * message that was overtaken by a later one under the same broker id, and clients' QoS 0 messages overtake our QoS 1.
 */
export class BrokerOutbox implements Outbox {
  readonly #broker: Aedes;
  readonly #log: Log;
  readonly #mayHear: (owner: string) => boolean;
  readonly #queues = new Map<string, Queue>();
  #counter = 0;
  #closed = false;

  /** @param isHeard false: nobody listens to this owner's messages, and nobody will get them later */
  constructor(broker: Aedes, log: Log, isHeard: (owner: string) => boolean) {
    this.#broker = broker;
    this.#log = log;
    this.#mayHear = isHeard;
  }

  isHeard(owner: string): boolean {
    return !this.#closed && this.#mayHear(owner);
  }

  toOwner(owner: string, topic: string, payload: string, retain: boolean): void {
    if (!this.isHeard(owner)) return;
    const queue = this.#queues.get(owner) ?? new Queue();
    this.#queues.set(owner, queue);
    queue.add({ topic, payload, retain });
    queue.running ??= this.#run(owner, queue);
  }

  backlog(owner: string): number {
    return this.#queues.get(owner)?.length ?? 0;
  }

  /** Messages to all owners that have not left yet. */
  get waiting(): number {
    let waiting = 0;
    for (const { length } of this.#queues.values()) waiting += length;
    return waiting;
  }

  /** Resolves when everything said so far has left. */
  async drained(): Promise<void> {
    while (this.#queues.size > 0) await Promise.all([...this.#queues.values()].map(({ running }) => running));
  }

  /** Lets what has been said leave, and says nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.drained();
  }

  async #run(owner: string, queue: Queue): Promise<void> {
    // What is said in the same turn may still replace what was said before it.
    await Promise.resolve();
    for (let message = queue.next(); message; message = queue.next()) {
      await this.#publish(owner, message).catch((err: unknown) => {
        this.#log.error({ err }, 'publishing to an owner failed');
      });
    }
    this.#queues.delete(owner);
  }

  #publish(owner: string, { topic, payload, retain }: Waiting): Promise<void> {
    const packet = {
      cmd: 'publish' as const,
      topic,
      payload: Buffer.from(payload),
      qos: 1 as const,
      retain,
      dup: false,
      brokerId: namesNoOwner(topic)
        ? markOf(`${this.#broker.id}-told`, owner)
        : `${this.#broker.id}-${owner.slice(0, 16)}`,
      brokerCounter: ++this.#counter,
    };
    return new Promise((resolve, reject) => {
      this.#broker.publish(packet, (error) => (error ? reject(error) : resolve()));
    });
  }
}
