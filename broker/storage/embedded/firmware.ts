import type { Firmware } from '../../../core/firmware.js';
import type { FirmwareStore } from '../../../core/ports.js';
import type { Environment } from './environment.js';

/** The catalogue of firmware on LMDB. */
export function firmwareStore(environment: Environment): FirmwareStore {
  const firmware = environment.table<Firmware>('firmware');
  /** [owner, createdAt, id] */
  const byOwner = environment.index('firmware-by-owner');
  /** [sha256, id] */
  const byDigest = environment.index('firmware-by-digest');

  function forget(old: Firmware): void {
    byOwner.remove([old.owner, old.createdAt, old.id]);
    byDigest.remove([old.sha256, old.id]);
    firmware.remove(old.id);
  }

  return {
    async get(id) {
      return firmware.get(id);
    },

    async list(owner) {
      const found = byOwner.under([owner]).map((id) => firmware.get(id));
      return found.filter((item) => item !== undefined);
    },

    async put(item) {
      await environment.write(() => {
        const old = firmware.get(item.id);
        if (old) forget(old);
        firmware.put(item.id, item);
        byOwner.add([item.owner, item.createdAt, item.id]);
        byDigest.add([item.sha256, item.id]);
      });
    },

    async remove(owner, id) {
      return environment.write(() => {
        const old = firmware.get(id);
        if (old?.owner !== owner) return false;
        forget(old);
        return true;
      });
    },

    async isUsed(sha256) {
      return byDigest.under([sha256], 1).length > 0;
    },
  };
}
