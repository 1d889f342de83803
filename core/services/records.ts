import type { Device } from '../device.js';
import type { DeviceStore, TokenStore } from '../ports.js';
import { handedOver } from '../update.js';
import type { OwnerFeed } from './owner-feed.js';

/** The one way in which device records change: what is written is also told to the owner. */
export class Records {
  readonly #store: DeviceStore;
  readonly #tokens: TokenStore;
  readonly #feed: OwnerFeed;

  constructor(store: DeviceStore, tokens: TokenStore, feed: OwnerFeed) {
    this.#store = store;
    this.#tokens = tokens;
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

  /**
   * Notes a transfer that was completed while the record does not say so: the server stopped in between. To be called
   * before anything is concluded from the record.
   */
  async noteCompleted(udid: string): Promise<void> {
    const token = (await this.#store.get(udid))?.update?.token;
    if (token === undefined || (await this.#tokens.get(token))?.completedAt === undefined) return;
    await this.change(udid, (known) =>
      known.update?.token === token ? { ...known, update: handedOver(known.update) } : known,
    );
  }

  flushed(): Promise<void> {
    return this.#store.flushed();
  }
}
