import { setTimeout as delay } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';

/** Where Redis is, and how to get in; see storage/redis/url.ts. */
export type RedisAddress = RedisOptions;

/** How often a connection is tried, and how long the answer may take, ms. */
export interface Trying {
  readonly everyMs: number;
  readonly patienceMs: number;
}

const TRYING: Trying = { everyMs: 3000, patienceMs: 3000 };
const LONGEST_PAUSE_MS = 1000;
/** How long an answer may take that is asked for when the store goes or comes, ms. */
const SILENCE_MS = 1500;
/** A socket that does not end by itself within this time, because the other side is gone, is destroyed. */
const ENDING: RedisOptions & { disconnectTimeout: number } = { disconnectTimeout: 250 };

/** How long Redis is left alone before attempt `n` to connect, ms; for ever, so that a node recovers by itself. */
const pause = (n: number): number => Math.min(50 * n, LONGEST_PAUSE_MS);

/** A connection that fails at once while Redis is away, and has a time limit for each command. */
export const promptConnection = (
  redis: RedisAddress,
  commandMs: number,
  name: string,
  trying = TRYING,
): Redis => {
  const connection = new Redis({
    ...redis,
    ...ENDING,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandMs,
    retryStrategy: pause,
    sentinelRetryStrategy: pause,
    // After a failover this connection may lead to what is a replica now.
    reconnectOnError: (error) => error.message.includes('READONLY'),
    connectionName: name,
  });
  return tried(connection, trying);
};

/**
 * A connection for subscriptions. What is subscribed to while Redis is away waits for it to come back. Without a readiness
 * check, with which mqemitter-redis 7.2.1 crashes now and then at the start.
 */
export const subscriberConnection = (redis: RedisAddress, name: string, trying = TRYING): Redis => {
  const connection = new Redis({
    ...redis,
    ...ENDING,
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    retryStrategy: pause,
    sentinelRetryStrategy: pause,
    connectionName: name,
  });
  return tried(connection, trying);
};

/** Replaces the connection when nothing comes from the other end; only who asks finds that out. */
function tried(connection: Redis, { everyMs, patienceMs }: Trying): Redis {
  const timer = setInterval(() => void isAlive(connection, patienceMs), everyMs);
  timer.unref();
  connection.on('end', () => clearInterval(timer));
  return connection;
}

/**
 * Replaces a connection that stands and answers nothing. If the machine at the other end has lost its power, or its network,
 * a connection looks well for minutes, and one that only listens for ever; and a Redis that hangs keeps its connections while
 * another may have taken its place, so this is also to be asked when the store goes or comes.
 * @returns false if it was replaced
 */
export async function isAlive(connection: Redis, patienceMs = SILENCE_MS): Promise<boolean> {
  if (connection.status !== 'ready') return true;
  const answered = connection.ping().then(
    () => true,
    () => false,
  );
  const patience = new AbortController();
  const silent = delay(patienceMs, false, { ref: false, signal: patience.signal }).catch(() => false);
  const isAnswered = await Promise.race([answered, silent]);
  patience.abort();
  // One that was lost meanwhile is on its way to be replaced.
  if (!isAnswered && connection.status === 'ready') connection.disconnect(true);
  return isAnswered;
}
