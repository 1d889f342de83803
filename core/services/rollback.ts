import type { Device } from '../device.js';
import { FirmwireError } from '../errors.js';
import { type Firmware, mismatch } from '../firmware.js';
import type { Clock, RolloutStore } from '../ports.js';
import { isLive } from '../rollouts/rollout.js';
import { sameVersion } from '../version.js';
import type { Announcer } from './announcer.js';
import type { Catalog } from './catalog.js';
import type { Orders } from './orders.js';

/** What came of it: devices that were sent what they ran before, and those for which that is not here any more. */
export interface RolledBack {
  readonly ordered: number;
  readonly unknown: number;
}

interface Parts {
  readonly store: RolloutStore;
  readonly catalog: Catalog;
  readonly orders: Orders;
  readonly announcer: Announcer;
  readonly clock: Clock;
}

/** The way back from a rollout that went wrong. */
export class Rollback {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Sends every device that took the rollout's firmware the one it ran before, past the order of versions. Durable.
   * @throws FirmwireError `rollout_not_found`; `rollout_state` while it still lets devices in
   */
  async rollBack(owner: string, id: string, who: string): Promise<RolledBack> {
    const { store, catalog, orders, announcer, clock } = this.#parts;
    const rollout = await store.get(id);
    if (rollout?.owner !== owner) throw new FirmwireError('rollout_not_found');
    if (isLive(rollout)) throw new FirmwireError('rollout_state', 'It is still under way: abort it first.');
    const all = await catalog.list(owner);
    let [ordered, unknown] = [0, 0];
    await announcer.each(
      owner,
      (device) => device.grant?.rollout === id && hasTaken(device, rollout.firmware),
      async (device) => {
        const before = earlier(device, rollout.firmware, all);
        if (!before) {
          unknown++;
          return;
        }
        await orders.order(owner, device.udid, before.id, true);
        await announcer.reconsider(device.udid);
        ordered++;
      },
    );
    const evidence = `${ordered} devices were sent what they ran before, ${unknown} could not be`;
    await store.note([
      { owner, rollout: id, version: rollout.version, at: clock.now(), who, what: 'rolled_back', evidence },
    ]);
    return { ordered, unknown };
  }
}

const hasTaken = ({ update }: Device, firmware: string): boolean =>
  update?.firmware === firmware && (update.proven || update.state === 'installed');

/** The newest upload of the version that the device ran before. */
function earlier(device: Device, taken: string, all: readonly Firmware[]): Firmware | undefined {
  const from = device.update?.from;
  if (from === undefined) return undefined;
  return all.findLast(
    (firmware) =>
      firmware.id !== taken &&
      sameVersion(firmware.version, from) &&
      mismatch(firmware, device) === undefined,
  );
}
