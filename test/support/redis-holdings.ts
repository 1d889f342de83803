import { Redis } from 'ioredis';
import type { RedisServer } from './redis-server.js';

/** One key as DUMP gives it. */
interface Held {
  readonly key: string;
  readonly value: Buffer;
  /** ms; 0: for ever. */
  readonly life: number;
}

async function withRedis<T>({ port }: RedisServer, action: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ port, host: '127.0.0.1' });
  try {
    return await action(redis);
  } finally {
    redis.disconnect();
  }
}

/** All that a Redis holds. */
export const holdings = (server: RedisServer): Promise<Held[]> =>
  withRedis(server, async (redis) => {
    const keys = await redis.keys('*');
    const held = keys.map(async (key) => ({
      key,
      value: await redis.dumpBuffer(key),
      life: Math.max(0, await redis.pttl(key)),
    }));
    return (await Promise.all(held)).flatMap(({ value, ...rest }) => (value ? [{ ...rest, value }] : []));
  });

/** Puts it all back, the key that names the store last, as a restore does that is not to be seen half done. */
export const putBack = (server: RedisServer, held: readonly Held[]): Promise<void> =>
  withRedis(server, async (redis) => {
    const last = (key: string): number => (key === 'firmwire' ? 1 : 0);
    for (const { key, value, life } of [...held].sort((a, b) => last(a.key) - last(b.key)))
      await redis.restore(key, life, value, 'REPLACE');
  });
