import type { ApiKey, Owner } from '../../../core/account.js';
import type { AccountStore } from '../../../core/ports.js';
import type { Environment } from './environment.js';

/** Between two of these the caller may take its time. */
const PAGE = 500;

const byAge = (a: ApiKey, b: ApiKey): number => a.createdAt - b.createdAt || (a.hash < b.hash ? -1 : 1);

/** Owners and their API keys on LMDB. */
export function accountStore(environment: Environment): AccountStore {
  const owners = environment.table<Owner>('owners');
  const keys = environment.table<ApiKey>('keys');
  const keysByOwner = environment.index('keys-by-owner');

  return {
    async createOwner(owner) {
      return environment.write(() => {
        if (owners.get(owner.id)) return false;
        owners.put(owner.id, owner);
        return true;
      });
    },

    async getOwner(id) {
      return owners.get(id);
    },

    async *owners() {
      for (
        let page = owners.page(PAGE, undefined);
        page.length > 0;
        page = owners.page(PAGE, page.at(-1)?.id)
      )
        for (const { value } of page) yield value;
    },

    async addKey(key) {
      await environment.write(() => {
        const before = keys.get(key.hash);
        if (before) keysByOwner.remove([before.owner, key.hash]);
        keys.put(key.hash, key);
        keysByOwner.add([key.owner, key.hash]);
      });
    },

    async getKey(hash) {
      return keys.get(hash);
    },

    async listKeys(owner) {
      const found = keysByOwner.under([owner]).map((hash) => keys.get(hash));
      return found.filter((key) => key !== undefined).sort(byAge);
    },

    async removeKey(owner, hash) {
      return environment.write(() => {
        if (keys.get(hash)?.owner !== owner) return false;
        keys.remove(hash);
        keysByOwner.remove([owner, hash]);
        return true;
      });
    },
  };
}
