import { join } from 'node:path';
import { openEmbedded } from '../../../broker/storage/embedded/index.js';
import { newDevice } from '../../../core/arrival.js';
import { readCheckIn } from '../../../core/checkin.js';
import type { Device } from '../../../core/device.js';
import { KeyedLock } from '../../../core/keyed-lock.js';
import { Accounts } from '../../../core/services/accounts.js';
import { ensureFirstOwner } from '../../server/first-owner.js';
import { systemClock } from '../../server/system-clock.js';
import { checkInText, deviceOf, type FleetIdentity } from '../load/packets.js';

export interface Population {
  readonly seed: string;
  readonly count: number;
  readonly autoUpdate: boolean;
  readonly platforms?: readonly string[];
  /** What has become of a device since its first check-in. */
  readonly since?: (device: Device, index: number) => Device;
}

/** Records written together. */
const BATCH = 5000;
/** Long enough ago that coming back is news (`SEEN_EVERY_MS`). */
const AWAY_MS = 60 * 60 * 1000;

/** The record that the first check-in of a device of the fleet has left behind. */
export function knownDevice(fleet: FleetIdentity, index: number, autoUpdate: boolean): Device {
  const { registration } = JSON.parse(checkInText(fleet, index));
  const facts = { ...readCheckIn(registration), autoUpdate };
  return newDevice(fleet.owner, deviceOf(fleet, index).udid, facts, Date.now() - AWAY_MS);
}

/** Makes the first owner of a new data folder, with devices that have been there before. See `FirmwireOptions.prepare`. */
export const populate =
  ({ seed, count, autoUpdate, platforms, since = (device) => device }: Population) =>
  async (data: string): Promise<void> => {
    const stores = await openEmbedded(join(data, 'store'));
    try {
      const lock = new KeyedLock();
      const accounts = new Accounts(stores.accounts, systemClock, lock);
      const credentials = await ensureFirstOwner(data, stores.accounts, accounts, lock);
      if (!credentials) throw new Error(`${data} has an owner already.`);
      const fleet = {
        owner: credentials.owner,
        key: credentials.deviceKey,
        seed,
        ...(platforms && { platforms }),
      };
      for (let first = 0; first < count; first += BATCH) {
        const length = Math.min(BATCH, count - first);
        const devices = Array.from({ length }, (_, i) =>
          since(knownDevice(fleet, first + i, autoUpdate), first + i),
        );
        const created = await Promise.all(devices.map((device) => stores.devices.create(device)));
        if (!created.every(Boolean)) throw new Error('Two devices of the fleet have one UDID.');
      }
    } finally {
      await stores.close();
    }
  };
