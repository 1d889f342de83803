import type { Aedes } from 'aedes';
import type { Log, Outbox } from '../core/ports.js';

/**
 * Publishes to owners. Messages of one owner leave one after the other, under a broker id of their own: Aedes drops a
 * message that was overtaken by a later one under the same broker id, and clients' QoS 0 messages overtake our QoS 1.
 */
export class BrokerOutbox implements Outbox {
  readonly #broker: Aedes;
  readonly #log: Log;
  readonly isHeard: (owner: string) => boolean;
  readonly #queues = new Map<string, Promise<void>>();
  #counter = 0;

  /** @param isHeard false: nobody listens to this owner's messages, and nobody will get them later */
  constructor(broker: Aedes, log: Log, isHeard: (owner: string) => boolean) {
    this.#broker = broker;
    this.#log = log;
    this.isHeard = isHeard;
  }

  toOwner(owner: string, topic: string, payload: string, retain: boolean): void {
    if (!this.isHeard(owner)) return;
    const last = this.#queues.get(owner) ?? Promise.resolve();
    const next = last.then(() => this.#publish(owner, topic, payload, retain)).catch(this.#report);
    this.#queues.set(owner, next);
    void next.then(() => {
      if (this.#queues.get(owner) === next) this.#queues.delete(owner);
    });
  }

  /** Resolves when everything said so far has left. */
  async drained(): Promise<void> {
    while (this.#queues.size > 0) await Promise.all(this.#queues.values());
  }

  readonly #report = (err: unknown): void => {
    this.#log.error({ err }, 'publishing to an owner failed');
  };

  #publish(owner: string, topic: string, payload: string, retain: boolean): Promise<void> {
    const packet = {
      cmd: 'publish' as const,
      topic,
      payload: Buffer.from(payload),
      qos: 1 as const,
      retain,
      dup: false,
      brokerId: `${this.#broker.id}-${owner.slice(0, 16)}`,
      brokerCounter: ++this.#counter,
    };
    return new Promise((resolve) => {
      this.#broker.publish(packet, (error) => {
        if (error) this.#report(error);
        resolve();
      });
    });
  }
}
