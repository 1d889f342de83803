import type { Plugin, Session, Verdict } from '../broker/plugin.js';
import type { LimitWatch } from '../core/limits.js';

/** What one client may ask of the broker. */
export interface ClientLimitValues {
  /** Levels a topic or a filter may have (MQTT 3.1.1, 4.7). */
  readonly topicLevels: number;
  /** Bytes of UTF-8 a topic or a filter may have. */
  readonly topicBytes: number;
  /** Filters a session may be subscribed to. */
  readonly subscriptions: number;
}

/**
 * Bounds what one client can make the broker keep. MQTT 3.1.1 has no refusal for a PUBLISH that leaves the session open, so it is
 * acknowledged and goes nowhere, as one without rights; a SUBSCRIBE gets code 128.
 */
export class ClientLimits implements Plugin {
  readonly name = 'client-limits';
  readonly #limits: ClientLimitValues;
  readonly #watch: LimitWatch;

  constructor(limits: ClientLimitValues, watch: LimitWatch) {
    this.#limits = limits;
    this.#watch = watch;
  }

  mayPublish(session: Session, topic: string): Verdict {
    return this.#fits(topic) ? undefined : this.#refuse('topic', session);
  }

  maySubscribe(session: Session, filter: string): Verdict {
    if (!this.#fits(filter)) return this.#refuse('topic', session);
    const { filters } = session;
    if (filters.length < this.#limits.subscriptions || filters.includes(filter)) return undefined;
    return this.#refuse('subscriptions', session);
  }

  #fits(topic: string): boolean {
    const { topicBytes, topicLevels } = this.#limits;
    // Three bytes is the most that one UTF-16 unit can make: most topics need not be measured.
    if (topic.length * 3 > topicBytes && Buffer.byteLength(topic) > topicBytes) return false;
    let levels = 1;
    for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) levels++;
    return levels <= topicLevels;
  }

  #refuse(limit: 'topic' | 'subscriptions', { clientId, identity }: Session): Verdict {
    this.#watch.reached(limit, { clientId: clientId.slice(0, 64), udid: identity.udid });
    return 'deny';
  }
}
