import type { Commands } from '../../broker/nodes/commands.js';
import { RedisLink } from '../../broker/storage/redis/link.js';
import { CollectingLog } from './collecting-log.js';
import type { RedisServer } from './redis-server.js';

/** How long a command may take, and how often a link looks, ms: short, so that tests are. */
const COMMAND_MS = 500;
const LOOK_MS = 50;

/** A node's connection to a Redis, as the stores have it. */
export const aLink = ({ port }: RedisServer, db = 0): Promise<RedisLink> =>
  RedisLink.open({
    redis: { host: '127.0.0.1', port, db },
    commandMs: COMMAND_MS,
    heartbeatMs: LOOK_MS,
    log: new CollectingLog(),
  });

/** Resolves when the link is in this state. */
export function isIn(link: Commands, state: Commands['state']): Promise<void> {
  if (link.state === state) return Promise.resolve();
  return new Promise((resolve) => {
    const off = link.onState((now) => {
      if (now !== state) return;
      off();
      resolve();
    });
  });
}
