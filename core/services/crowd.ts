import { type Device, revised } from '../device.js';
import type { Firmware } from '../firmware.js';
import type { DeviceStore, Presence } from '../ports.js';
import type { Crowd } from '../rollouts/conductor.js';
import { isCandidate } from '../rollouts/filter.js';
import type { RolloutFilter } from '../rollouts/plan.js';
import type { Grant, Rollout } from '../rollouts/rollout.js';
import type { Announcer } from './announcer.js';
import type { Catalog } from './catalog.js';
import type { Records } from './records.js';

interface Parts {
  readonly devices: DeviceStore;
  readonly records: Records;
  readonly catalog: Catalog;
  readonly announcer: Announcer;
  readonly presence: Presence;
}

const EVERYBODY: RolloutFilter = { platform: undefined, tags: [], versions: undefined, udids: [] };

/** The devices of an owner as they are stored, for rollouts. */
export class StoredCrowd implements Crowd {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async *members({ owner, id }: Rollout): AsyncIterable<Device> {
    for await (const device of this.#parts.devices.all(owner)) if (device.grant?.rollout === id) yield device;
  }

  async *candidates(rollout: Rollout): AsyncIterable<Device> {
    const firmware = await this.#firmwareOf(rollout);
    if (!firmware) return;
    for await (const device of this.#parts.devices.all(rollout.owner))
      if (isCandidate(firmware, rollout.plan.filter, device)) yield device;
  }

  /** The devices that this firmware is an update for. */
  async *reachedBy(firmware: Firmware): AsyncIterable<Device> {
    for await (const device of this.#parts.devices.all(firmware.owner))
      if (isCandidate(firmware, EVERYBODY, device)) yield device;
  }

  /** How many devices a rollout of this firmware is for. */
  async count(rollout: Rollout): Promise<number> {
    let count = 0;
    for await (const _ of this.candidates(rollout)) count++;
    return count;
  }

  read(udid: string): Promise<Device | undefined> {
    return this.#parts.records.get(udid);
  }

  async admit(rollout: Rollout, udid: string, grant: Grant): Promise<Device | undefined> {
    const firmware = await this.#firmwareOf(rollout);
    if (!firmware) return undefined;
    // It may have changed since it was put into the order.
    const isStill = (device: Device): boolean =>
      device.owner === rollout.owner &&
      device.grant?.rollout !== rollout.id &&
      isCandidate(firmware, rollout.plan.filter, device);
    const device = await this.#parts.records.change(udid, (each) =>
      isStill(each) ? revised(each, { grant }) : each,
    );
    if (device?.grant?.rollout !== rollout.id) return undefined;
    await this.#parts.announcer.reconsider(udid);
    return this.#parts.records.get(udid);
  }

  isOnline(udid: string): boolean {
    return this.#parts.presence.isOnline(udid);
  }

  #firmwareOf({ owner, firmware }: Rollout): Promise<Firmware | undefined> {
    return this.#parts.catalog.get(owner, firmware);
  }
}
