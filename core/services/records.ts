import type { Device } from '../device.js';
import type { DeviceStore } from '../ports.js';
import type { OwnerFeed } from './owner-feed.js';

/** The one way in which device records change: what is written is also told to the owner. */
export class Records {
  readonly #store: DeviceStore;
  readonly #feed: OwnerFeed;

  constructor(store: DeviceStore, feed: OwnerFeed) {
    this.#store = store;
    this.#feed = feed;
  }

  get(udid: string): Promise<Device | undefined> {
    return this.#store.get(udid);
  }

  /** The device if it is this owner's; another owner's is as unknown as none. */
  async ofOwner(owner: string, udid: string): Promise<Device | undefined> {
    const device = await this.#store.get(udid);
    return device?.owner === owner ? device : undefined;
  }

  /**
   * Changes a record as one step; see `DeviceStore.update` for what `change` may do.
   * @returns the record as it now stands, or undefined if there is no such device
   */
  async change(udid: string, change: (device: Device) => Device): Promise<Device | undefined> {
    let before: Device | undefined;
    const after = await this.#store.update(udid, (device) => {
      before = device;
      return change(device);
    });
    if (before && after && before !== after) await this.#feed.changed(before, after);
    return after;
  }

  flushed(): Promise<void> {
    return this.#store.flushed();
  }
}
