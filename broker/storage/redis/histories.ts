import { extended, HISTORY_LENGTH, type HistoryEntry, parted } from '../../../core/history.js';
import type { HistoryStore } from '../../../core/ports.js';
import type { HistoryArchive } from '../archive.js';
import { deviceKey, historyOf, openHistoryKey } from './keys.js';
import type { RedisLink } from './link.js';
import type { Transactions } from './transaction.js';

const line = (entry: HistoryEntry): string => JSON.stringify(entry);

/** The replies of a MULTI, or the first failure in it. */
function repliesOf(results: readonly [Error | null, unknown][] | null): unknown[] {
  return (results ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

/**
 * The histories of devices on Redis: a list of what will not change any more, the newest first, and beside it what may.
 * @param transactions of its own, or what it remembers would push out the records of devices
 */
export function historyStore(link: RedisLink, transactions: Transactions): HistoryStore & HistoryArchive {
  /** Takes back what was added to the histories of devices that have been removed meanwhile. */
  async function withoutOrphans(udids: readonly string[]): Promise<void> {
    const names = udids.map((udid) => deviceKey(udid).name);
    if ((await link.run((redis) => redis.exists(...names))) === names.length) return;
    const found = await link.run((redis) => redis.mget(...names));
    const orphans = udids.filter((_, i) => found[i] === null);
    if (orphans.length === 0) return;
    await transactions.change([], (batch) => {
      for (const udid of orphans) batch.run('DEL', openHistoryKey(udid).name, historyOf(udid));
    });
  }

  return {
    async append(entries) {
      const udids = [...entries.keys()];
      if (udids.length === 0) return;
      await transactions.change(udids.map(openHistoryKey), (batch, ...held) => {
        for (const [i, udid] of udids.entries()) {
          const { open, closed } = extended(held[i] ?? [], entries.get(udid) ?? []);
          batch.put(openHistoryKey(udid), open);
          if (closed.length === 0) continue;
          batch.run('LPUSH', historyOf(udid), ...closed.map(line));
          batch.run('LTRIM', historyOf(udid), 0, HISTORY_LENGTH - 1);
        }
      });
      await withoutOrphans(udids);
    },

    async list(udid) {
      const results = await link.run((redis) =>
        redis.multi().get(openHistoryKey(udid).name).lrange(historyOf(udid), 0, -1).exec(),
      );
      const [text, lines] = repliesOf(results) as [string | null, readonly string[]];
      if (text === null) await transactions.verify();
      const open: readonly HistoryEntry[] = text === null ? [] : openHistoryKey(udid).codec.decode(text);
      const closed = lines.map((each): HistoryEntry => JSON.parse(each));
      return [...open.toReversed(), ...closed].slice(0, HISTORY_LENGTH);
    },

    restore({ udid, entries }) {
      const { open, closed } = parted(entries);
      return transactions.change([], (batch) => {
        batch.run('DEL', historyOf(udid));
        if (closed.length > 0) batch.run('RPUSH', historyOf(udid), ...closed.toReversed().map(line));
        batch.put(openHistoryKey(udid), open);
      });
    },
  };
}
