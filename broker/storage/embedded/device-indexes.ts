import type { Device } from '../../../core/device.js';
import { dueAt } from '../due.js';
import type { Environment } from './environment.js';
import type { SortedIndex } from './sorted-index.js';

/** What devices are found by besides their UDID. Changed in the same transaction as the record. */
export class DeviceIndexes {
  /** [owner, udid] */
  readonly owner: SortedIndex;
  /** [owner, mac, udid]: several devices may claim one MAC. */
  readonly mac: SortedIndex;
  /** [time, udid] */
  readonly due: SortedIndex;

  constructor(environment: Environment) {
    this.owner = environment.index('devices-by-owner');
    this.mac = environment.index('devices-by-mac');
    this.due = environment.index('devices-due');
  }

  /** Makes the indexes say what `after` is instead of `before`; undefined is no record. Same owner and UDID in both. */
  change(before: Device | undefined, after: Device | undefined): void {
    const device = after ?? before;
    if (!device) return;
    const { owner, udid } = device;
    if (!before) this.owner.add([owner, udid]);
    if (!after) this.owner.remove([owner, udid]);

    if (before?.mac !== after?.mac) {
      if (before?.mac) this.mac.remove([owner, before.mac, udid]);
      if (after?.mac) this.mac.add([owner, after.mac, udid]);
    }

    const was = before && dueAt(before);
    const is = after && dueAt(after);
    if (was === is) return;
    if (was !== undefined) this.due.remove([was, udid]);
    if (is !== undefined) this.due.add([is, udid]);
  }
}
