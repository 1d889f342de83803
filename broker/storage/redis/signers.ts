import type { SignerStore } from '../../../core/ports.js';
import { signersKey } from './keys.js';
import type { Transactions } from './transaction.js';

const DURABLE = { durable: true };

/** The keys that owners trust on Redis: all of one owner in one value, they are few. */
export function signerStore(transactions: Transactions): SignerStore {
  return {
    add(signer) {
      const key = signersKey(signer.owner);
      return transactions.change(
        [key],
        (batch, before = []) => {
          if (before.some(({ id }) => id === signer.id)) return false;
          batch.put(key, [...before, signer]);
          return true;
        },
        DURABLE,
      );
    },

    async list(owner) {
      return (await transactions.get(signersKey(owner))) ?? [];
    },

    remove(owner, id) {
      const key = signersKey(owner);
      return transactions.change(
        [key],
        (batch, before = []) => {
          const after = before.filter((signer) => signer.id !== id);
          if (after.length === before.length) return false;
          if (after.length === 0) batch.drop(key);
          else batch.put(key, after);
          return true;
        },
        DURABLE,
      );
    },
  };
}
