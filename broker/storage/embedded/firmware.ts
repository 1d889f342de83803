import type { StoredFirmware } from '../../../core/firmware.js';
import type { FirmwareStore } from '../../../core/ports.js';
import type { OwnerMarks } from '../../../core/signing/marks.js';
import type { MarksArchive } from '../archive.js';
import type { Environment } from './environment.js';

/** The catalogue of firmware on LMDB. */
export function firmwareStore(environment: Environment): FirmwareStore & MarksArchive {
  const firmware = environment.table<StoredFirmware>('firmware');
  /** By owner. */
  const marks = environment.table<OwnerMarks>('marks');
  /** [owner, createdAt, id] */
  const byOwner = environment.index('firmware-by-owner');
  /** [sha256, id] */
  const byDigest = environment.index('firmware-by-digest');

  function forget(old: StoredFirmware): void {
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

    async put(item, change) {
      await environment.write(() => {
        const before = marks.get(item.owner)?.marks ?? [];
        const after = change?.(before) ?? before;
        if (after !== before) marks.put(item.owner, { owner: item.owner, marks: after });
        const old = firmware.get(item.id);
        if (old) forget(old);
        firmware.put(item.id, item);
        byOwner.add([item.owner, item.createdAt, item.id]);
        byDigest.add([item.sha256, item.id]);
      });
    },

    async marks(owner) {
      return marks.get(owner)?.marks ?? [];
    },

    async restoreMarks(restored) {
      await environment.write(() => marks.put(restored.owner, restored));
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
