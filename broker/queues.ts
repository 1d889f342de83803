import type { LimitWatch } from '../core/limits.js';

/** How many messages may wait for a client that is away (MQTT 3.1.1, 3.1.2.4: clean session 0). */
export interface QueueLimit {
  readonly most: number;
  readonly watch: LimitWatch;
  /** Counts what waits where the queues are shared with other brokers; absent: they are this broker's own. */
  readonly waiting?: (clientId: string) => Promise<number>;
}

/** A shared queue that is full is looked at again after so long, ms. */
const LOOK_MS = 1000;

/**
 * Bounds the queues of persistent sessions: who never comes back must not fill the memory. What comes when a queue is full
 * is lost to this client, and what was there before stays.
 */
export class Queues {
  readonly #limit: QueueLimit;
  readonly #counts = new Map<string, number>();
  readonly #fullUntil = new Map<string, number>();

  constructor(limit: QueueLimit) {
    this.#limit = limit;
  }

  /**
   * Counts one more for this client. Without a promise as long as its queue is not known to be full, so that messages stay
   * in their order.
   * @returns false if there is no room for it
   */
  add(clientId: string): boolean | Promise<boolean> {
    const count = this.#counts.get(clientId) ?? 0;
    if (count < this.#limit.most) {
      this.#counts.set(clientId, count + 1);
      return true;
    }
    const { waiting } = this.#limit;
    if (!waiting || Date.now() < (this.#fullUntil.get(clientId) ?? 0)) return this.#refuse(clientId);
    return this.#look(clientId, waiting);
  }

  /** True if messages are known here to wait for this client. */
  holds(clientId: string): boolean {
    return this.#counts.has(clientId);
  }

  /** One of them has been delivered. */
  removed(clientId: string): void {
    const count = this.#counts.get(clientId) ?? 0;
    if (count > 1) this.#counts.set(clientId, count - 1);
    else this.#counts.delete(clientId);
  }

  /** The client has given up its queue. */
  dropped(clientId: string): void {
    this.#counts.delete(clientId);
    this.#fullUntil.delete(clientId);
  }

  /** Others may have delivered what was counted here. */
  async #look(clientId: string, waiting: (clientId: string) => Promise<number>): Promise<boolean> {
    const count = await waiting(clientId);
    const hasRoom = count < this.#limit.most;
    this.#counts.set(clientId, count + Number(hasRoom));
    if (hasRoom) return true;
    this.#fullUntil.set(clientId, Date.now() + LOOK_MS);
    return this.#refuse(clientId);
  }

  #refuse(clientId: string): false {
    this.#limit.watch.reached('queue', { clientId: clientId.slice(0, 160) });
    return false;
  }
}
