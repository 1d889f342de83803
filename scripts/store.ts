import pino from 'pino';
import { acceptEmptied, openRedis } from '../broker/storage/redis/index.js';
import { redisOptions } from '../broker/storage/redis/url.js';
import { ClientError } from './client/errors.js';
import type { Settings } from './config/schema.js';
import { readStoreId } from './server/state-files.js';

const SECOND = 1000;
/** A person waits for the answer, and can ask again. */
const OPEN_MS = 3000;

/**
 * Makes a new store take the place of the one that the data folder knows and Redis has lost. Nodes that run go on by
 * themselves; one of them makes the first owner.
 * @returns the id of the new store
 * @throws ClientError if nothing is lost, or nothing can be; as `openRedis` if Redis cannot be used
 */
export async function acceptStore({ data, storage, redis }: Settings): Promise<string> {
  if (storage !== 'redis')
    throw new ClientError(
      'storage is "embedded": there is no Redis that could have been emptied (--config FILE)',
    );
  const known = await readStoreId(data);
  if (known === undefined)
    throw new ClientError(`${data} knows of no store: no node has worked with a Redis from this data folder`);
  const options = {
    redis: redisOptions(redis.url),
    commandMs: redis.commandSeconds * SECOND,
    openMs: OPEN_MS,
    // What it would say is the very state in which this command is used.
    log: pino({ level: 'silent' }),
  };
  const stores = await openRedis({ ...options, known });
  const { state } = stores.link;
  await stores.close();
  if (state === 'open')
    throw new ClientError('the store is there: nothing is lost, and there is nothing to accept');
  if (state === 'away') throw new ClientError('Redis is away: nothing can be said about the store');
  return acceptEmptied(options, known);
}
