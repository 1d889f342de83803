import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisOptions } from 'ioredis';
import { FirmwireError } from '../../../core/errors.js';
import type { Connection } from './connection.js';
import { isLogin } from './failures.js';
import { nodesChannel } from './keys.js';
import { requirePrimary } from './look.js';
import { claimMarker, readMarker } from './marker.js';

const AGAIN_MS = 50;

/** Retained wildcards find nothing there (0 of 200 were found), and one change touches keys of several slots. */
export const CLUSTER =
  'Redis Cluster does not work for Firmwire: subscriptions with wildcards lose retained messages there, and a change ' +
  'touches keys of several slots at once. Use one primary, or a primary with replicas under Sentinel.';

/** Where this leads to, for a person; never the password. */
export function addressOf({ sentinels, name, host, port, path }: RedisOptions): string {
  if (sentinels) return `${name} of ${sentinels.map((at) => `${at.host}:${at.port}`).join(', ')}`;
  return path ?? `${host ?? '127.0.0.1'}:${port ?? 6379}`;
}

/** What became of a claim: the id of the store, and whether this node has made it and it holds no owner. */
export interface Claimed {
  readonly id: string;
  readonly isNew: boolean;
}

async function refuseCluster(connection: Connection): Promise<void> {
  const info = await connection.send((redis) => redis.info('cluster'));
  if (/^cluster_enabled:1/m.test(info)) throw new Error(CLUSTER);
}

/**
 * A node without a memory of its own cannot tell an emptied Redis from a new one, but nodes that work with it listen
 * there, and what they know of is gone then.
 */
async function refuseLost(connection: Connection, db: number): Promise<void> {
  if (await connection.send((redis) => readMarker(redis))) return;
  const [, listening] = await connection.send((redis) => redis.pubsub('NUMSUB', nodesChannel(db)));
  if (Number(listening) === 0) return;
  throw new Error('It is empty, but nodes are at work with it: it has lost the store.');
}

/** The store that is there; made, if there is none. */
async function claim(connection: Connection): Promise<Claimed> {
  const mine = randomUUID();
  const { id } = await connection.send((redis) => claimMarker(redis, mine));
  const owners = id === mine ? await connection.send((redis) => redis.zcard('owners')) : 1;
  return { id, isNew: owners === 0 };
}

/**
 * Waits for Redis, at most `openMs`, makes sure that it can hold a store and says which one. With `known`, the id of the
 * store that this node knows, none is made: whether it is there shows at the first look.
 * @param isAccepted make a store also where nodes have lost another
 * @throws FirmwireError `store_unavailable` that says what is wrong with this Redis, or that it cannot be reached, and where
 */
export async function reach(
  connection: Connection,
  at: RedisOptions,
  known: string | undefined,
  openMs: number,
  isAccepted = false,
): Promise<Claimed> {
  const deadline = performance.now() + openMs;
  let cause: unknown;
  for (;;) {
    try {
      await connection.untilReady(deadline - performance.now());
      await refuseCluster(connection);
      await requirePrimary(connection);
      if (known !== undefined) return { id: known, isNew: false };
      if (!isAccepted) await refuseLost(connection, at.db ?? 0);
      return await claim(connection);
    } catch (error) {
      const why = connection.trouble ?? (error instanceof FirmwireError ? error.cause : error);
      // That there is no connection just now says less than what was wrong with the last one.
      if (cause === undefined || connection.isReady || connection.trouble) cause = why;
      const said = cause instanceof Error ? cause.message : String(cause);
      const unusable = (what: string): FirmwireError =>
        new FirmwireError('store_unavailable', `Redis at ${addressOf(at)} ${what}: ${said}`, { cause });
      if (isLogin(cause)) throw unusable('refuses the login');
      if (!(error instanceof FirmwireError)) throw unusable('cannot be used');
      if (performance.now() > deadline) throw unusable('cannot be reached');
      connection.renew();
      await delay(AGAIN_MS);
    }
  }
}
