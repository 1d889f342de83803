import type { ApiKey } from '../../../core/account.js';
import type { AccountStore } from '../../../core/ports.js';
import { apiKey, keysOf, OWNERS, ownerKey } from './keys.js';
import type { RedisLink } from './link.js';
import { membersAfter } from './pages.js';
import type { Transactions } from './transaction.js';

const PAGE = 500;
const DURABLE = { durable: true };

const byAge = (a: ApiKey, b: ApiKey): number => a.createdAt - b.createdAt || (a.hash < b.hash ? -1 : 1);

/** Owners and their API keys on Redis. */
export function accountStore(link: RedisLink, transactions: Transactions): AccountStore {
  return {
    createOwner(owner) {
      const create = transactions.change(
        [ownerKey(owner.id)],
        (batch, before) => {
          if (before) return false;
          batch.put(ownerKey(owner.id), owner);
          batch.run('ZADD', OWNERS, 0, owner.id);
          return true;
        },
        DURABLE,
      );
      return create;
    },

    getOwner: (id) => transactions.get(ownerKey(id)),

    async *owners() {
      let after: string | undefined;
      do {
        const ids = await membersAfter(link, OWNERS, PAGE, after);
        // The first page asks, if it is empty, whether this is the store at all.
        if (ids.length > 0 || after === undefined) yield* await transactions.some(ids.map(ownerKey));
        after = ids.length === PAGE ? ids.at(-1) : undefined;
      } while (after !== undefined);
    },

    addKey(key) {
      return transactions.change(
        [apiKey(key.hash)],
        (batch, before) => {
          if (before) batch.run('SREM', keysOf(before.owner), key.hash);
          batch.put(apiKey(key.hash), key);
          batch.run('SADD', keysOf(key.owner), key.hash);
        },
        DURABLE,
      );
    },

    getKey: (hash) => transactions.get(apiKey(hash)),

    async listKeys(owner) {
      const hashes = await link.run((redis) => redis.smembers(keysOf(owner)));
      return (await transactions.some(hashes.map(apiKey))).sort(byAge);
    },

    removeKey(owner, hash) {
      return transactions.change(
        [apiKey(hash)],
        (batch, before) => {
          if (before?.owner !== owner) return false;
          batch.drop(apiKey(hash));
          batch.run('SREM', keysOf(owner), hash);
          return true;
        },
        DURABLE,
      );
    },
  };
}
