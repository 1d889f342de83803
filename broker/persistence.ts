import { Readable } from 'node:stream';
import type { Aedes, Client, PublishPacket, Subscription } from 'aedes';
import type { Log } from '../core/ports.js';
import { filterMatches } from '../core/topics.js';
import type { RetainedMessage, RetainedSource, Subscriber } from './retained.js';

/** Who is subscribing right now: set at Aedes' "subscribe" event, read in the same turn. */
export interface SubscriberCell {
  current: Subscriber | undefined;
}

/** The part of Aedes' persistence that is wrapped; Aedes 1.2.0 publishes no types for it. */
interface Persistence {
  addSubscriptions(client: Client, subscriptions: Subscription[]): Promise<void>;
  storeRetained(packet: PublishPacket): Promise<void>;
  createRetainedStreamCombi(filters: string[]): Readable;
  outgoingUpdate(client: Client, packet: Queued): Promise<unknown>;
  outgoingClearMessageId(client: Client, packet: Queued): Promise<unknown>;
}

/** What identifies a message in a persistent session's queue. */
interface Queued {
  readonly messageId?: number | undefined;
  readonly brokerId?: string | undefined;
  readonly brokerCounter?: number | undefined;
}

/** No message id of the wire, which has 16 bits (MQTT 3.1.1, 2.3.1). */
const MARK = -1;

export interface Wrapping {
  readonly subscriber: SubscriberCell;
  readonly retained: RetainedSource;
  readonly log: Log;
  maySubscribe(client: Client, filter: string): boolean | Promise<boolean>;
}

const bestGrant = (message: RetainedMessage, { granted }: Subscriber): 0 | 1 | 2 => {
  const matching = granted.filter(({ topic }) => filterMatches(topic, message.topic)).map(({ qos }) => qos);
  return matching.includes(2) ? 2 : matching.includes(1) ? 1 : 0;
};

async function* packetsFor(subscriber: Subscriber, source: RetainedSource, log: Log) {
  try {
    yield* matchingPackets(subscriber, source);
  } catch (err) {
    // Aedes listens for no error of this stream; one would end the process.
    log.error({ err }, 'retained messages cannot be read');
  }
}

async function* matchingPackets(subscriber: Subscriber, source: RetainedSource) {
  for await (const message of source.matching(subscriber)) {
    // Aedes downgrades retained messages only for filters without wildcards; MQTT 3.1.1, 3.8.4 wants it for all.
    const qos = Math.min(message.qos, bestGrant(message, subscriber));
    yield { cmd: 'publish', topic: message.topic, payload: message.payload, qos, retain: true };
  }
}

/**
 * Stands between Aedes and its persistence, in place, whichever persistence it is:
 * - Aedes stores the refused filters of a SUBSCRIBE along with the granted ones; only granted ones get through.
 * - Aedes takes a message that it does not forward off the queue by its message id, which it does not have yet, and so
 *   hits whichever message waits first; here it hits the one that is meant.
 * - Retained messages come from our source, which knows who asks, instead of a walk over all there are.
 */
export function wrapPersistence(broker: Aedes, { subscriber, retained, log, maySubscribe }: Wrapping): void {
  const { persistence } = broker as unknown as { persistence: Persistence };
  const addSubscriptions = persistence.addSubscriptions.bind(persistence);

  persistence.addSubscriptions = async (client, subscriptions) => {
    const verdicts = await Promise.all(subscriptions.map(({ topic }) => maySubscribe(client, topic)));
    await addSubscriptions(
      client,
      subscriptions.filter((_, i) => verdicts[i]),
    );
  };

  const clear = persistence.outgoingClearMessageId.bind(persistence);
  persistence.outgoingClearMessageId = async (client, packet) => {
    if (packet.messageId !== undefined) return clear(client, packet);
    const marked = { ...packet, messageId: MARK };
    const isQueued = await persistence.outgoingUpdate(client, marked).then(
      () => true,
      () => false,
    );
    return isQueued ? clear(client, marked) : undefined;
  };

  persistence.storeRetained = async ({ topic, payload, qos }) => {
    await retained.store({ topic, payload: Buffer.isBuffer(payload) ? payload : Buffer.from(payload), qos });
  };

  persistence.createRetainedStreamCombi = () => {
    const asking = subscriber.current;
    subscriber.current = undefined;
    return Readable.from(asking ? packetsFor(asking, retained, log) : []);
  };
}
