import type { SignerStore } from '../../../core/ports.js';
import type { Signer } from '../../../core/signing/keys.js';
import type { Environment } from './environment.js';

/** The keys that owners trust on LMDB: all of one owner in one record, they are few. */
export function signerStore(environment: Environment): SignerStore {
  const signers = environment.table<readonly Signer[]>('signers');
  const listed = (owner: string): readonly Signer[] => signers.get(owner) ?? [];

  return {
    async add(signer) {
      return environment.write(() => {
        const before = listed(signer.owner);
        if (before.some(({ id }) => id === signer.id)) return false;
        signers.put(signer.owner, [...before, signer]);
        return true;
      });
    },

    async list(owner) {
      return listed(owner);
    },

    async remove(owner, id) {
      return environment.write(() => {
        const before = listed(owner);
        const after = before.filter((signer) => signer.id !== id);
        if (after.length === before.length) return false;
        if (after.length === 0) signers.remove(owner);
        else signers.put(owner, after);
        return true;
      });
    },
  };
}
