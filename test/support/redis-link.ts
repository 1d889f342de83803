import type { LinkOptions, LinkState, RedisLink } from '../../broker/storage/redis/link.js';
import { CollectingLog } from './collecting-log.js';
import type { RedisServer } from './redis-server.js';

/** A command may take this long in tests that make it take too long. */
export const COMMAND_MS = 400;

/** Options for a link that notices quickly. */
export const quick = (server: RedisServer, change: Partial<LinkOptions> = {}): LinkOptions => ({
  redis: { host: '127.0.0.1', port: server.port },
  commandMs: COMMAND_MS,
  heartbeatMs: 50,
  log: new CollectingLog(),
  ...change,
});

/** Resolves once the link is in this state. */
export async function until(link: RedisLink, wanted: LinkState): Promise<void> {
  if (link.state === wanted) return;
  await new Promise<void>((resolve) => {
    const stop = link.onState((state) => {
      if (state !== wanted) return;
      stop();
      resolve();
    });
  });
}
