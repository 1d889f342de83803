import type { Readable } from 'node:stream';
import type { Aedes, Client, PublishPacket, Subscription } from 'aedes';
import type { Log } from '../core/ports.js';
import { filterMatches } from '../core/topics.js';
import { namesNoOwner, ownerOf } from './ownerless.js';
import type { Queues } from './queues.js';
import type { RetainedMessage, RetainedSource, Subscriber } from './retained.js';

/** Somebody who is subscribing, and how retained messages get to them. */
export interface Asking extends Subscriber {
  readonly session: Subscriber['session'] & {
    replay(groups: AsyncIterable<Iterable<RetainedMessage>>): Promise<void>;
  };
}

/** Who is subscribing right now: set at Aedes' "subscribe" event, read in the same turn. */
export interface SubscriberCell {
  current: Asking | undefined;
}

/** The part of Aedes' persistence that is wrapped; Aedes 1.2.0 publishes no types for it. */
interface Persistence {
  addSubscriptions(client: Client, subscriptions: Subscription[]): Promise<void>;
  cleanSubscriptions(client: Client): Promise<void>;
  storeRetained(packet: PublishPacket): Promise<void>;
  putWill(client: Client, packet: PublishPacket): Promise<void>;
  createRetainedStreamCombi(filters: string[]): Pick<Readable, 'pipe'>;
  outgoingStream(client: Client): Readable | readonly [];
  outgoingEnqueueCombi(subscriptions: readonly Queueing[], packet: Queued): Promise<unknown>;
  outgoingUpdate(client: Client, packet: Queued): Promise<unknown>;
  outgoingClearMessageId(client: Client, packet: Queued): Promise<unknown>;
}

/** A subscription of a persistent session. */
interface Queueing {
  readonly clientId: string;
}

/** What identifies a message in a persistent session's queue. */
interface Queued {
  readonly topic: string;
  readonly messageId?: number | undefined;
  readonly brokerId?: string | undefined;
  readonly brokerCounter?: number | undefined;
}

/** True if the message may wait for this client: its id begins with its owner (attach.ts). */
function mayQueue(clientId: string, packet: Queued): boolean {
  if (!namesNoOwner(packet.topic)) return true;
  const owner = ownerOf(packet.topic, packet);
  return owner !== undefined && clientId.startsWith(`${owner}:`);
}

/** No message id of the wire, which has 16 bits (MQTT 3.1.1, 2.3.1). */
const MARK = -1;

export interface Wrapping {
  readonly subscriber: SubscriberCell;
  readonly retained: RetainedSource;
  readonly log: Log;
  readonly queues: Queues;
  /** True while the client has a session on this broker: what waits for it is on its way. */
  isHere(clientId: string): boolean;
  maySubscribe(client: Client, filter: string): boolean | Promise<boolean>;
  mayLeaveWill(client: Client, topic: string): Promise<boolean>;
}

const bestGrant = (message: RetainedMessage, { granted }: Subscriber): 0 | 1 | 2 => {
  const matching = granted.filter(({ topic }) => filterMatches(topic, message.topic)).map(({ qos }) => qos);
  return matching.includes(2) ? 2 : matching.includes(1) ? 1 : 0;
};

/** What of the past concerns a subscriber, at the QoS granted (MQTT 3.1.1, 3.8.4). */
export async function* granted(
  subscriber: Subscriber,
  source: Pick<RetainedSource, 'matching'>,
): AsyncIterable<Iterable<RetainedMessage>> {
  for await (const group of source.matching(subscriber)) yield lowered(group, subscriber);
}

function* lowered(group: Iterable<RetainedMessage>, subscriber: Subscriber): Iterable<RetainedMessage> {
  // Mostly no grant is lower than the message, whichever of them it is for.
  const least = Math.min(...subscriber.granted.map(({ qos }) => qos));
  for (const message of group) {
    const best = message.qos <= least ? message.qos : bestGrant(message, subscriber);
    yield best < message.qos ? { ...message, qos: best } : message;
  }
}

/** Aedes pipes retained messages through a stream of its own; it gets none. */
const NO_MESSAGES: Pick<Readable, 'pipe'> = { pipe: (destination) => destination };

/**
 * Stands between Aedes and its persistence, in place, whichever persistence it is:
 * - Aedes stores the refused filters of a SUBSCRIBE along with the granted ones; only granted ones get through.
 * - Aedes takes a message that it does not forward off the queue by its message id, which it does not have yet, and so
 *   hits whichever message waits first; here it hits the one that is meant.
 * - Retained messages come from our source, which knows who asks, instead of a walk over all there are; and they go to
 *   the session as ready bytes, instead of through two streams, which every SUBSCRIBE would have to set up.
 * - A will is published by another node if this one dies, and nobody knows the client's rights then: only one that it
 *   may publish now is kept.
 * - A clean session has no queue: none is read, and none is made; one that there was is forgotten (MQTT-3.1.2-6), which the
 *   persistence in memory leaves out.
 * - Queues are bounded.
 * - A message on a topic that names no owner is queued for its owner's clients only: it would not be sent to others, and
 *   must not wait among what is theirs.
 */
export function wrapPersistence(broker: Aedes, wrapping: Wrapping): void {
  const { subscriber, retained, log, queues, maySubscribe, mayLeaveWill } = wrapping;
  const { persistence } = broker as unknown as { persistence: Persistence };
  const addSubscriptions = persistence.addSubscriptions.bind(persistence);

  persistence.addSubscriptions = async (client, subscriptions) => {
    const verdicts = await Promise.all(subscriptions.map(({ topic }) => maySubscribe(client, topic)));
    await addSubscriptions(
      client,
      subscriptions.filter((_, i) => verdicts[i]),
    );
  };

  const putWill = persistence.putWill.bind(persistence);
  persistence.putWill = async (client, packet) => {
    if (await mayLeaveWill(client, packet.topic)) await putWill(client, packet);
  };

  const clear = persistence.outgoingClearMessageId.bind(persistence);
  persistence.outgoingClearMessageId = async (client, packet) => {
    // A clean session has no queue, and the memory persistence would make it an empty one.
    if (client.clean) return undefined;
    if (packet.messageId !== undefined) return taken(client, packet);
    // It was never queued for others. Redis would count one reader less, and lose it to those who wait for it.
    if (!mayQueue(client.id, packet)) return undefined;
    const marked = { ...packet, messageId: MARK };
    const isQueued = await persistence.outgoingUpdate(client, marked).then(
      () => true,
      () => false,
    );
    return isQueued ? taken(client, marked) : undefined;
  };

  async function taken(client: Client, packet: Queued): Promise<unknown> {
    const found = await clear(client, packet);
    if (found !== undefined) queues.removed(client.id);
    return found;
  }

  const cleanSubscriptions = persistence.cleanSubscriptions.bind(persistence);
  persistence.cleanSubscriptions = async (client) => {
    await cleanSubscriptions(client);
    if (!queues.holds(client.id)) return;
    for await (const packet of outgoingStream(client)) await clear(client, packet as Queued);
    queues.dropped(client.id);
  };

  persistence.storeRetained = async ({ topic, payload, qos }) => {
    await retained.store({ topic, payload: Buffer.isBuffer(payload) ? payload : Buffer.from(payload), qos });
  };

  persistence.createRetainedStreamCombi = () => {
    const asking = subscriber.current;
    subscriber.current = undefined;
    asking?.session.replay(granted(asking, retained)).catch((err: unknown) => {
      log.error({ err }, 'retained messages cannot be read');
    });
    return NO_MESSAGES;
  };

  const enqueue = persistence.outgoingEnqueueCombi.bind(persistence);
  persistence.outgoingEnqueueCombi = async (subscriptions, packet) => {
    const own: Queueing[] = [];
    for (const subscription of subscriptions) {
      const { clientId } = subscription;
      if (!mayQueue(clientId, packet)) continue;
      const added = queues.add(clientId);
      const hasRoom = typeof added === 'boolean' ? added : await added;
      // What is on its way to a session has to be in its queue: Aedes would cut it otherwise.
      if (hasRoom || wrapping.isHere(clientId)) own.push(subscription);
    }
    if (own.length > 0) await enqueue(own, packet);
  };

  // `stream.pipeline` takes any iterable, and an empty stream costs it twice as much.
  const outgoingStream = persistence.outgoingStream.bind(persistence);
  persistence.outgoingStream = (client) => (client.clean ? [] : outgoingStream(client));
}
