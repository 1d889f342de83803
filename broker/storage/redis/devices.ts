import type { Device } from '../../../core/device.js';
import { pagesOf } from '../../../core/pages.js';
import type { DeviceStore, Page } from '../../../core/ports.js';
import { lastSeen } from '../last-seen.js';
import { changeDevice, createDevice, removeDevice } from './device-changes.js';
import { claimantsOf, DUE, deviceKey, devicesOf } from './keys.js';
import type { RedisLink } from './link.js';
import { membersAfter, membersUpTo } from './pages.js';
import type { Transactions } from './transaction.js';

/** Read at once for a caller of `all`, who may take its time between two of these. */
const PAGE = 500;

/** The registry of devices on Redis. Of several devices of one owner with one MAC, the one seen last is found by it. */
export function deviceStore(link: RedisLink, transactions: Transactions): DeviceStore {
  async function page(owner: string, limit: number, after: string | undefined): Promise<Page<Device>> {
    const udids = await membersAfter(link, devicesOf(owner), limit + 1, after);
    const shown = udids.slice(0, limit);
    const items = await transactions.some(shown.map(deviceKey));
    return { items, next: udids.length > limit ? shown.at(-1) : undefined };
  }

  return {
    get: (udid) => transactions.get(deviceKey(udid)),

    async findByMac(owner, mac) {
      const udids = await link.run((redis) => redis.smembers(claimantsOf(owner, mac)));
      const claimants = await transactions.some(udids.sort().map(deviceKey));
      // Between the two looks a device may have got another.
      return lastSeen(claimants.filter((device) => device.owner === owner && device.mac === mac));
    },

    create(device) {
      return transactions.change([deviceKey(device.udid)], (batch, before) => {
        if (before) return false;
        createDevice(batch, device);
        return true;
      });
    },

    update(udid, change) {
      return transactions.change([deviceKey(udid)], (batch, before) => changeDevice(batch, before, change));
    },

    remove(owner, udid) {
      return transactions.change(
        [deviceKey(udid)],
        (batch, before) => {
          if (before?.owner !== owner) return false;
          removeDevice(batch, before);
          return true;
        },
        { durable: true },
      );
    },

    list: page,

    count: (owner) => link.run((redis) => redis.zcard(devicesOf(owner))),

    async *all(owner) {
      for await (const devices of pagesOf((after) => page(owner, PAGE, after))) yield* devices;
    },

    async due(now, limit) {
      const udids = await membersUpTo(link, DUE, now, limit);
      return udids.length > 0 ? transactions.some(udids.map(deviceKey)) : [];
    },

    flushed: () => transactions.flushed(),
  };
}
