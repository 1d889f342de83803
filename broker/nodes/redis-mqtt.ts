import type { EventEmitter } from 'node:events';
import makePersistence from 'aedes-persistence-redis';
import type { Redis, RedisOptions } from 'ioredis';
import mqemitter from 'mqemitter-redis';
import type { Log } from '../../core/ports.js';
import type { Commands } from './commands.js';
import { isAlive, promptConnection, subscriberConnection, type Trying } from './connections.js';

/** What a persistent session has not fetched by then is forgotten, s. */
const PACKET_LIFE_S = 7 * 24 * 60 * 60;
const NAME = 'firmwire-mqtt';

/** The part of an mqemitter that is used here. */
interface MqEmitter {
  readonly state: EventEmitter;
  emit(packet: object, done?: (error?: Error) => void): void;
  close(done?: () => void): void;
}

/** What its types leave out of mqemitter-redis 7.2.1. */
interface Prefixed {
  readonly MQEmitterRedisPrefix: new (prefix: string, options: object) => MqEmitter;
}

/** What makes the brokers of several nodes one: given to Aedes when it is made. */
export interface RedisMqtt {
  readonly mq: object;
  readonly persistence: object;
  /**
   * The ids of the clients that messages are kept for (MQTT 3.1.1, 3.1.2.4: clean session 0). Waits as `ready` does.
   */
  persistentClients(): Promise<readonly string[]>;
  /** How many messages wait for this client. */
  waiting(clientId: string): Promise<number>;
  /** True while messages can be passed on. */
  isReady(): boolean;
  /** Resolves once messages can be passed on, which may be a moment later than the store is back. */
  ready(): Promise<unknown>;
  close(): void;
}

/**
 * Aedes' own libraries for Redis, on connections of their own. Resolves once they are connected.
 * @param store the connection of the stores, which tells when Redis goes and comes
 * @param commandMs how long a command may take
 */
export async function redisMqtt(
  store: Commands,
  redis: RedisOptions,
  commandMs: number,
  log: Log,
  trying?: Trying,
): Promise<RedisMqtt> {
  const failed = (err: unknown): void => log.debug({ err }, 'a connection of the broker to Redis failed');
  const commands = promptConnection(redis, commandMs, NAME, trying);
  const publisher = promptConnection(redis, commandMs, NAME, trying);
  const subscriber = subscriberConnection(redis, NAME, trying);
  const connections = [commands, publisher, subscriber];
  for (const connection of connections) connection.on('error', failed);
  const allReady = (): Promise<unknown> => Promise.all(connections.map(untilReady));
  await allReady();
  const forget = store.onState(() => {
    for (const connection of connections) void isAlive(connection);
  });
  const close = (): void => {
    forget();
    for (const connection of connections) connection.disconnect();
  };
  return {
    mq: emitterOf(`firmwire-${redis.db ?? 0}/`, publisher, subscriber, failed, close),
    persistence: makePersistence({ conn: commands, packetTTL: () => PACKET_LIFE_S }),
    persistentClients: async () => {
      await allReady();
      return commands.smembers('clients');
    },
    // The list that aedes-persistence-redis 13 keeps them in.
    waiting: (clientId) => commands.llen(`outgoing:${clientId}`),
    isReady: () => connections.every(({ status }) => status === 'ready'),
    ready: allReady,
    close,
  };
}

const untilReady = (connection: Redis): Promise<unknown> =>
  connection.status === 'ready'
    ? Promise.resolve()
    : new Promise((resolve) => connection.once('ready', resolve));

/**
 * The channels of a filter. A filter without wildcards is the channel's own name. One with wildcards is a pattern: what else
 * Redis takes for one is escaped, and it begins so that it is never also the name of a channel (both are counted by text,
 * so `a/*` would stand in the way of `a/+`).
 */
function channelsOf(filter: string): string {
  if (!/[+#]/.test(filter)) return filter;
  const [first = '', ...rest] = filter.replace(/[*?[\]\\]/g, '\\$&');
  return `[${first}]${rest.join('')}`.replace(/\+/g, '*').replace(/\/?#/g, '*');
}

/** @param prefix channels know no databases; it ends with a slash, so that it is a level of its own and wildcards go on working */
function emitterOf(
  prefix: string,
  pubConn: Redis,
  subConn: Redis,
  failed: (err: unknown) => void,
  close: () => void,
): MqEmitter {
  const { MQEmitterRedisPrefix } = mqemitter as unknown as Prefixed;
  const mq = new MQEmitterRedisPrefix(prefix, { subConn, pubConn, matchEmptyLevels: true });
  // Without a listener an error there would end the process.
  mq.state.on('error', failed);
  const emit = mq.emit.bind(mq);
  return Object.assign(mq, {
    _subTopic: channelsOf,
    // A message that cannot be passed on is lost; it must not cut off the client that sent it. What is acknowledged to a
    // client while Redis is away is decided before, in attach.ts.
    emit: (packet: object, done?: (error?: Error) => void) => {
      emit(packet, (error) => {
        if (error) failed(error);
        done?.();
      });
    },
    // Its own waits for a farewell from Redis, which may be away.
    close: (done?: () => void) => {
      close();
      done?.();
    },
  });
}
