import type { StoredFirmware } from '../../../core/firmware.js';
import type { FirmwareStore } from '../../../core/ports.js';
import type { MarksArchive } from '../archive.js';
import type { Batch } from './batch.js';
import { firmwareKey, firmwareOf, marksKey, usersOf } from './keys.js';
import type { RedisLink } from './link.js';
import type { Transactions } from './transaction.js';

const DURABLE = { durable: true };

function forget(batch: Batch, { id, owner, sha256 }: StoredFirmware): void {
  batch.drop(firmwareKey(id));
  batch.run('ZREM', firmwareOf(owner), id);
  batch.run('SREM', usersOf(sha256), id);
}

/** The catalogue of firmware on Redis. */
export function firmwareStore(link: RedisLink, transactions: Transactions): FirmwareStore & MarksArchive {
  return {
    get: (id) => transactions.get(firmwareKey(id)),

    async list(owner) {
      const ids = await link.run((redis) => redis.zrange(firmwareOf(owner), 0, -1));
      return transactions.some(ids.map(firmwareKey));
    },

    put(item, change) {
      const ofOwner = marksKey(item.owner);
      return transactions.change(
        [firmwareKey(item.id), ofOwner],
        (batch, old, before = []) => {
          const after = change?.(before) ?? before;
          if (after !== before) batch.put(ofOwner, after);
          if (old) forget(batch, old);
          batch.put(firmwareKey(item.id), item);
          batch.run('ZADD', firmwareOf(item.owner), item.createdAt, item.id);
          batch.run('SADD', usersOf(item.sha256), item.id);
        },
        DURABLE,
      );
    },

    async marks(owner) {
      return (await transactions.get(marksKey(owner))) ?? [];
    },

    restoreMarks({ owner, marks }) {
      return transactions.change([marksKey(owner)], (batch) => batch.put(marksKey(owner), marks), DURABLE);
    },

    remove(owner, id) {
      return transactions.change(
        [firmwareKey(id)],
        (batch, old) => {
          if (old?.owner !== owner) return false;
          forget(batch, old);
          return true;
        },
        DURABLE,
      );
    },

    async isUsed(sha256) {
      const isUsed = (await link.run((redis) => redis.exists(usersOf(sha256)))) === 1;
      // Bytes are removed on the strength of this.
      if (!isUsed) await transactions.verify();
      return isUsed;
    },
  };
}
