import type { RolloutStore } from '../../../core/ports.js';
import { isLive, type Rollout, type RolloutEntry } from '../../../core/rollouts/rollout.js';
import type { RolloutArchive } from '../archive.js';
import { byOwner, follows, logPage, shownBefore } from '../rollouts.js';
import type { Batch } from './batch.js';
import { ROLLOUTS_LIVE, rolloutKey, rolloutLogOf, rolloutsOf } from './keys.js';
import type { RedisLink } from './link.js';
import type { Transactions } from './transaction.js';

const DURABLE = { durable: true };
/** Lines in one command: the script unpacks its arguments, and Lua's stack holds some thousands. */
const LINES = 1000;

function write(batch: Batch, before: Rollout | undefined, after: Rollout): void {
  const { id, owner, createdAt } = after;
  if (before && before.owner !== owner) batch.run('ZREM', rolloutsOf(before.owner), id);
  batch.put(rolloutKey(id), after);
  batch.run('ZADD', rolloutsOf(owner), createdAt, id);
  if (isLive(after)) batch.run('ZADD', ROLLOUTS_LIVE, createdAt, id);
  else batch.run('ZREM', ROLLOUTS_LIVE, id);
}

function append(batch: Batch, entries: readonly RolloutEntry[]): void {
  for (const [owner, own] of byOwner(entries)) {
    const lines = own.map((entry) => JSON.stringify(entry));
    for (let at = 0; at < lines.length; at += LINES)
      batch.run('RPUSH', rolloutLogOf(owner), ...lines.slice(at, at + LINES));
  }
}

/** Rollouts and the logs of decisions on Redis. */
export function rolloutStore(link: RedisLink, transactions: Transactions): RolloutStore & RolloutArchive {
  return {
    get: (id) => transactions.get(rolloutKey(id)),

    async list(owner) {
      const ids = await link.run((redis) => redis.zrange(rolloutsOf(owner), 0, -1));
      return transactions.some(ids.map(rolloutKey));
    },

    async live() {
      const ids = await link.run((redis) => redis.zrange(ROLLOUTS_LIVE, 0, -1));
      // Between the two looks one may have ended.
      return (await transactions.some(ids.map(rolloutKey))).filter(isLive);
    },

    put(rollout, entries) {
      return transactions.change(
        [rolloutKey(rollout.id)],
        (batch, before) => {
          if (!follows(before, rollout)) return false;
          write(batch, before, rollout);
          append(batch, entries);
          return true;
        },
        DURABLE,
      );
    },

    async note(entries) {
      if (entries.length > 0) await transactions.change([], (batch) => append(batch, entries), DURABLE);
    },

    async log(owner, limit, after) {
      const shown = shownBefore(after);
      const lines = await link.run((redis) => redis.lrange(rolloutLogOf(owner), shown, shown + limit));
      if (lines.length === 0) await transactions.verify();
      return logPage(
        lines.map((line): RolloutEntry => JSON.parse(line)),
        limit,
        shown,
      );
    },

    restore(rollout) {
      return transactions.change([rolloutKey(rollout.id)], (batch, before) => write(batch, before, rollout));
    },
  };
}
