import type { Device } from '../../../core/device.js';
import type { DeviceStore, Page } from '../../../core/ports.js';
import { DeviceIndexes } from './device-indexes.js';
import type { Environment } from './environment.js';

/** A caller of `all` may take its time between two of these, and LMDB reuses no page that an open reader can see. */
const PAGE = 500;

/** The registry of devices on LMDB. Of several devices of one owner with one MAC, the one seen last is found by it. */
export function deviceStore(environment: Environment): DeviceStore {
  const devices = environment.table<Device>('devices');
  const indexes = new DeviceIndexes(environment);

  const read = (udids: readonly string[]): Device[] =>
    udids.map((udid) => devices.get(udid)).filter((device) => device !== undefined);

  function page(owner: string, limit: number, after: string | undefined): Page<Device> {
    const udids = indexes.owner.under([owner], limit + 1, after);
    const shown = udids.slice(0, limit);
    return { items: read(shown), next: udids.length > limit ? shown.at(-1) : undefined };
  }

  return {
    async get(udid) {
      return devices.get(udid);
    },

    async findByMac(owner, mac) {
      const claimants = read(indexes.mac.under([owner, mac]));
      return claimants.reduce<Device | undefined>(
        (last, device) => (last && last.lastSeen >= device.lastSeen ? last : device),
        undefined,
      );
    },

    create(device) {
      return environment.write(() => {
        if (devices.get(device.udid)) return false;
        devices.put(device.udid, device);
        indexes.change(undefined, device);
        return true;
      });
    },

    update(udid, change) {
      return environment.write(() => {
        const before = devices.get(udid);
        if (!before) return undefined;
        const after = change(before);
        if (after === before) return before;
        if (after.udid !== before.udid || after.owner !== before.owner)
          throw new Error(`A change of device ${udid} altered its owner or UDID.`);
        devices.put(udid, after);
        indexes.change(before, after);
        return after;
      });
    },

    async remove(owner, udid) {
      return environment.write(() => {
        const device = devices.get(udid);
        if (device?.owner !== owner) return false;
        devices.remove(udid);
        indexes.change(device, undefined);
        return true;
      });
    },

    async list(owner, limit, after) {
      return page(owner, limit, after);
    },

    async *all(owner) {
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const { items, next } = page(owner, PAGE, after);
        yield* items;
        after = next;
      }
    },

    async due(now, limit) {
      return read(indexes.due.upTo(now, limit));
    },

    flushed: () => environment.flushed(),
  };
}
