import type { Device } from '../../../core/device.js';
import { pagesOf } from '../../../core/pages.js';
import type { DeviceStore, Page } from '../../../core/ports.js';
import { lastSeen } from '../last-seen.js';
import type { DeviceRecords } from './device-records.js';
import type { Environment } from './environment.js';
import type { Histories } from './histories.js';

/** A caller of `all` may take its time between two of these, and LMDB reuses no page that an open reader can see. */
const PAGE = 500;

/** The registry of devices on LMDB. Of several devices of one owner with one MAC, the one seen last is found by it. */
export function deviceStore(
  environment: Environment,
  records: DeviceRecords,
  histories: Histories,
): DeviceStore {
  const { indexes } = records;

  function page(owner: string, limit: number, after: string | undefined): Page<Device> {
    const udids = indexes.owner.under([owner], limit + 1, after);
    const shown = udids.slice(0, limit);
    return { items: records.read(shown), next: udids.length > limit ? shown.at(-1) : undefined };
  }

  return {
    async get(udid) {
      return records.get(udid);
    },

    async findByMac(owner, mac) {
      return lastSeen(records.read(indexes.mac.under([owner, mac])));
    },

    create(device) {
      return environment.write(() => {
        if (records.get(device.udid)) return false;
        records.create(device);
        return true;
      });
    },

    update(udid, change, lazy) {
      return environment.write(() => records.change(udid, change), lazy);
    },

    async remove(owner, udid) {
      return environment.write(() => {
        const device = records.get(udid);
        if (device?.owner !== owner) return false;
        records.remove(device);
        histories.remove(udid);
        return true;
      });
    },

    async list(owner, limit, after) {
      return page(owner, limit, after);
    },

    async count(owner) {
      return indexes.owner.countUnder([owner]);
    },

    async *all(owner) {
      for await (const devices of pagesOf((after) => page(owner, PAGE, after))) yield* devices;
    },

    async due(now, limit) {
      return records.read(indexes.due.upTo(now, limit));
    },

    flushed: () => environment.flushed(),
  };
}
