import type { Device } from '../../../core/device.js';
import { DeviceIndexes } from './device-indexes.js';
import type { Environment } from './environment.js';
import type { Table } from './table.js';

/** The records of devices and what they are found by, changed together. What writes is only for `Environment.write`. */
export class DeviceRecords {
  readonly indexes: DeviceIndexes;
  private readonly devices: Table<Device>;

  constructor(environment: Environment) {
    this.devices = environment.table<Device>('devices');
    this.indexes = new DeviceIndexes(environment);
  }

  get(udid: string): Device | undefined {
    return this.devices.get(udid);
  }

  /** Cheaper than `get`. */
  has(udid: string): boolean {
    return this.devices.has(udid);
  }

  /** Those of these UDIDs that have a record, in this order. */
  read(udids: readonly string[]): Device[] {
    return udids.map((udid) => this.devices.get(udid)).filter((device) => device !== undefined);
  }

  create(device: Device): void {
    this.devices.put(device.udid, device);
    this.indexes.change(undefined, device);
  }

  /** The record as `change` leaves it; undefined if there is none. @throws Error if its owner or UDID changes */
  change(udid: string, change: (device: Device) => Device): Device | undefined {
    const before = this.devices.get(udid);
    if (!before) return undefined;
    const after = change(before);
    if (after === before) return before;
    if (after.udid !== before.udid || after.owner !== before.owner)
      throw new Error(`A change of device ${udid} altered its owner or UDID.`);
    this.devices.put(udid, after);
    this.indexes.change(before, after);
    return after;
  }

  remove(device: Device): void {
    this.devices.remove(device.udid);
    this.indexes.change(device, undefined);
  }
}
