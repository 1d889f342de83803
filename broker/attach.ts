import type {
  Aedes,
  AedesPublishPacket,
  AuthenticateError,
  Client,
  ConnectPacket,
  PublishPacket,
  Subscription,
} from 'aedes';
import { isStoreFailure } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import { isUdid } from '../core/topics.js';
import { Flusher } from './flusher.js';
import { Hooks } from './hooks.js';
import { markOf, namesNoOwner, type Origin, ownerOf } from './ownerless.js';
import { granted as atGrantedQos, type SubscriberCell, wrapPersistence } from './persistence.js';
import type { Message, Plugin } from './plugin.js';
import { type QueueLimit, Queues } from './queues.js';
import type { RetainedSource } from './retained.js';
import { AedesSession, type Outlet } from './session.js';

export interface AttachOptions {
  readonly log: Log;
  /** Deadline for every plugin hook, ms. */
  readonly hookMs: number;
  /** How many messages may wait for a client that is away. */
  readonly queue: QueueLimit;
  /** Where retained messages live. */
  readonly retained: RetainedSource;
  /**
   * False while messages cannot be passed on: those at QoS 1 and 2 are not acknowledged then, and nobody new is let in.
   * Absent: always true.
   */
  readonly mayAcknowledge?: () => boolean;
}

/** A message that was refused is sent here, where nobody listens: an error would close the session (wire.md 1). */
const NOWHERE = '$firmwire/refused';

/** Given to Aedes it closes the session, without a PUBACK. */
const UNSTORED = new Error('the message cannot be stored now');

/** CONNACK, code 2 (MQTT 3.1.1, 3.2). */
const CONNACK_IDENTIFIER_REJECTED = Buffer.of(0x20, 2, 0, 2);

const notAuthorized = (returnCode: number, message: string): AuthenticateError =>
  Object.assign(new Error(message), { returnCode });

/** Those that are connected, by their ids; Aedes publishes no type for it. */
const clientsOf = (broker: Aedes): Readonly<Record<string, Client>> =>
  (broker as unknown as { clients: Readonly<Record<string, Client>> }).clients;

/** What an attached broker can be asked. */
export interface Attached {
  /** Resolves when the plugins are done with everything that has happened so far. */
  settled(): Promise<void>;
  /** Tells every owner's session how things stand now: messages to them have been lost. */
  retell(): Promise<void>;
  /** Resolves when no session is open. */
  empty(): Promise<void>;
}

/**
 * Makes plugins the law of an Aedes broker: fills its single-slot hooks, wraps its persistence, listens to its events.
 * Works on our own broker and on somebody else's, before its first client.
 */
export function attach(broker: Aedes, plugins: readonly Plugin[], options: AttachOptions): Attached {
  const { log, mayAcknowledge = () => true } = options;
  const hooks = new Hooks(plugins, log, options.hookMs);
  const sessions = new WeakMap<Client, AedesSession>();
  const connects = new WeakMap<Client, ConnectPacket>();
  const open = new Set<AedesSession>();
  const waiting = new Set<() => void>();
  const subscriber: SubscriberCell = { current: undefined };
  /** Payloads that were kept before they were acknowledged: Aedes has them kept once more. */
  const kept = new WeakSet<Buffer>();

  const messageOf = (packet: PublishPacket): Message => ({
    topic: packet.topic,
    payload: Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload),
    qos: packet.qos,
    retain: packet.retain,
    pushed: false,
    owner: ownerOf(packet.topic, packet as Origin),
  });
  const outlet: Outlet = {
    flusher: new Flusher(),
    mayReceive: (session, message) => hooks.mayReceive(session, message),
  };

  wrapPersistence(broker, {
    subscriber,
    maySubscribe: (client, filter) => {
      const session = sessions.get(client);
      return session !== undefined && hooks.maySubscribe(session, filter);
    },
    mayLeaveWill: async (client, topic) => {
      const session = sessions.get(client);
      return session !== undefined && (await hooks.mayPublish(session, topic));
    },
    retained: {
      matching: (asking) => options.retained.matching(asking),
      store: async (message) => {
        if (kept.has(message.payload)) return;
        try {
          await options.retained.store(message);
        } catch (err) {
          // Nobody was promised anything, and an error would cut off its sender.
          if (message.qos > 0 || !isStoreFailure(err)) throw err;
          log.debug({ err }, 'a retained message is lost');
        }
      },
    },
    log,
    queues: new Queues(options.queue),
    isHere: (clientId) => Object.hasOwn(clientsOf(broker), clientId),
  });

  /** A retained message is acknowledged only once it is kept. */
  const keep = async (message: Message): Promise<boolean> => {
    try {
      await options.retained.store(message);
      kept.add(message.payload);
      return true;
    } catch (err) {
      log.debug({ err }, 'a retained message cannot be kept');
      return false;
    }
  };

  broker.preConnect = (client, packet, done) => {
    connects.set(client, packet);
    if (packet.clientId !== '' || packet.clean !== false) return done(null, true);
    // [MQTT-3.1.3-8]: no client id, and a session to be kept under it. Aedes would invent an id, and answers nothing
    // to an error here.
    client.conn.end(CONNACK_IDENTIFIER_REJECTED, () => done(new Error('identifier rejected'), false));
  };

  broker.authenticate = (client, username, password, done) => {
    const connect = connects.get(client);
    connects.delete(client);
    const credentials = {
      clientId: client.id,
      username: username ?? '',
      password: password?.toString('latin1') ?? '',
      willTopic: connect?.will?.topic,
      connection: client.req?.socket ?? client.conn,
    };
    hooks.authenticate(credentials).then(
      (word) => {
        if ('refused' in word) {
          const udid = isUdid(credentials.username) ? { udid: credentials.username } : {};
          log.debug({ clientId: client.id, ...udid, reason: word.reason }, 'connection refused');
          return done(notAuthorized(word.refused, word.reason), null);
        }
        // Aedes could not look its subscriptions up, and would close without a word.
        if (!mayAcknowledge()) return done(notAuthorized(3, 'messages cannot be passed on'), null);
        sessions.set(client, new AedesSession(client, word, outlet));
        // MQTT knows one name space of client ids; here every owner has their own, one for each scope, or one could
        // cut off another's session, or take its queue, by its id.
        (client as { id: string }).id = `${word.owner}:${word.scope}:${client.id}`;
        done(null, true);
      },
      (err: unknown) => {
        log.error({ err }, 'authentication failed');
        done(notAuthorized(5, 'not authorized'), null);
      },
    );
  };

  broker.authorizePublish = (client, packet, done) => {
    const drop = (): void => {
      log.debug({ clientId: client?.id, topic: packet.topic.slice(0, 200) }, 'publish refused');
      packet.topic = NOWHERE;
      packet.retain = false;
      packet.payload = Buffer.alloc(0);
      done(null);
    };
    // Without a client it is the will that a node left behind which has died; its rights were looked at when it was kept.
    if (!client && !packet.topic.startsWith('$')) return done(null);
    const session = client ? sessions.get(client) : undefined;
    if (!session || packet.topic.startsWith('$')) return drop();
    const admit = (allowed: boolean): void => {
      if (!allowed) {
        drop();
        return;
      }
      if (packet.qos > 0 && !mayAcknowledge()) {
        done(UNSTORED);
        return;
      }
      if (namesNoOwner(packet.topic)) (packet as Origin).brokerId = markOf(broker.id, session.identity.owner);
      const message = messageOf(packet);
      const heard = hooks.watchesPublishing ? hooks.publishing(session, message) : undefined;
      const keeping = packet.retain && packet.qos > 0 ? keep(message) : undefined;
      const working =
        keeping && heard ? keeping.then((isKept) => heard.then((ok) => ok && isKept)) : (keeping ?? heard);
      if (working) working.then((kept) => (kept ? done(null) : done(UNSTORED)), drop);
      else done(null);
    };
    const allowed = hooks.mayPublish(session, packet.topic);
    if (typeof allowed === 'boolean') admit(allowed);
    else allowed.then(admit, drop);
  };

  broker.authorizeSubscribe = (client, subscription, done) => {
    const session = sessions.get(client);
    const { topic } = subscription;
    if (!session || topic.startsWith('$')) return done(null, null);
    const grant = (allowed: boolean): void => {
      // Noted here and not at the "subscribe" event, which does not tell of a persistent session's restored ones.
      if (allowed) session.subscribed(topic, subscription.qos);
      done(null, allowed ? subscription : null);
    };
    const allowed = hooks.maySubscribe(session, topic);
    if (typeof allowed === 'boolean') grant(allowed);
    else allowed.then(grant, () => grant(false));
  };

  broker.authorizeForward = (client, packet: AedesPublishPacket) => {
    const session = sessions.get(client);
    if (!session || packet.topic.startsWith('$')) return null;
    if (!hooks.mayReceive(session, messageOf(packet))) return null;
    session.forwards(packet.topic);
    return packet;
  };

  broker.published = (packet, client: Client | null, done) => {
    const session = client ? sessions.get(client) : undefined;
    // Without a client it is the broker's own message: it must not come back to the plugins.
    if (session && packet.topic !== NOWHERE) hooks.published(session, messageOf(packet));
    done(null);
  };

  // Not "clientReady": packets that follow CONNECT closely are handled before that.
  broker.on('client', (client) => {
    const session = sessions.get(client);
    // Aedes registers a client that left while it was being authenticated, and never tells that it is gone.
    if (!session || client.closed) return;
    open.add(session);
    hooks.connected(session);
    if (session.filters.length > 0) hooks.subscribed(session, session.filters);
  });

  broker.on('clientDisconnect', (client) => {
    const session = sessions.get(client);
    if (!session) return;
    session.ended();
    hooks.disconnected(session);
    open.delete(session);
    if (open.size > 0) return;
    for (const resolve of waiting) resolve();
    waiting.clear();
  });

  broker.on('subscribe', (subscriptions: Subscription[], client) => {
    const session = sessions.get(client);
    const granted = subscriptions.filter(({ qos }) => Number(qos) < 128);
    // Aedes reads the retained messages in this same turn; see RetainedSource.
    subscriber.current = session && { session, granted: granted.map(({ topic, qos }) => ({ topic, qos })) };
    if (session && granted.length > 0)
      hooks.subscribed(
        session,
        granted.map(({ topic }) => topic),
      );
  });

  broker.on('unsubscribe', (filters, client) => {
    for (const filter of filters) sessions.get(client)?.unsubscribed(filter);
  });

  const empty = (): Promise<void> =>
    open.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve));

  /** Messages to owners may be lost: each that is connected is told how things stand now. */
  const retell = async (): Promise<void> => {
    const matching = options.retained.derived?.bind(options.retained);
    if (!matching) return;
    for (const client of Object.values(clientsOf(broker))) {
      const session = sessions.get(client);
      if (!session) continue;
      await session.replay(atGrantedQos({ session, granted: session.granted }, { matching }), false);
    }
  };

  return { settled: () => hooks.settled(), empty, retell };
}
