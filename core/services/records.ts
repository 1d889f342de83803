import { type Device, revised } from '../device.js';
import type { DeviceStore, Telemetry, TokenStore } from '../ports.js';
import type { Token } from '../token.js';
import { handedOver } from '../update.js';
import type { OwnerFeed } from './owner-feed.js';

/** The one way in which device records change: what is written is also told to the owner. */
export class Records {
  readonly #store: DeviceStore;
  readonly #tokens: TokenStore;
  readonly #feed: OwnerFeed;
  readonly #telemetry: Telemetry;
  readonly #watchers: ((before: Device, after: Device) => void)[] = [];

  constructor(store: DeviceStore, tokens: TokenStore, feed: OwnerFeed, telemetry: Telemetry) {
    this.#store = store;
    this.#tokens = tokens;
    this.#feed = feed;
    this.#telemetry = telemetry;
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
   * Changes a record as one step; see `DeviceStore.update` for what `change` may do, and what `lazy` means.
   * @returns the record as it now stands, or undefined if there is no such device
   */
  async change(udid: string, change: (device: Device) => Device, lazy = false): Promise<Device | undefined> {
    let before: Device | undefined;
    const observed = (device: Device): Device => {
      before = device;
      return change(device);
    };
    const after = await this.#store.update(udid, observed, lazy);
    if (before && after && before !== after) await this.#changed(before, after);
    return after;
  }

  /** Is told of every change, once it is stored. */
  watch(watcher: (before: Device, after: Device) => void): void {
    this.#watchers.push(watcher);
  }

  async #changed(before: Device, after: Device): Promise<void> {
    for (const watcher of this.#watchers) watcher(before, after);
    await this.#feed.changed(before, after);
  }

  /**
   * Stores a new token for a device in place of the one it had, and changes its record, as one step.
   * @returns the record as it now stands; undefined, and nothing is issued, if there is no such device
   */
  async issue(token: Token, change: (device: Device) => Device): Promise<Device | undefined> {
    let before: Device | undefined;
    const after = await this.#tokens.issue(token, (device) => {
      before = device;
      return change(device);
    });
    if (!after) return undefined;
    this.#telemetry.token('issued');
    // The record forgets a token that was used up.
    if (before?.update?.token !== undefined) this.#telemetry.token('superseded');
    if (before && before !== after) await this.#changed(before, after);
    return after;
  }

  /**
   * Begins an attempt to redeem a token and changes its device's record, as one step.
   * @returns the token as it now stands; undefined, and nothing is changed, if it is dead
   */
  async begin(
    hash: string,
    attempt: string,
    now: number,
    change: (device: Device) => Device,
  ): Promise<Token | undefined> {
    let changed: { before: Device; after: Device } | undefined;
    const begun = await this.#tokens.begin(hash, attempt, now, (before) => {
      changed = { before, after: change(before) };
      return changed.after;
    });
    if (begun && changed) await this.#changed(changed.before, changed.after);
    return begun;
  }

  /**
   * The record, once a transfer is noted that was completed while the record does not say so: the server stopped in
   * between. To be used where anything is concluded from the record.
   */
  async settled(udid: string): Promise<Device | undefined> {
    const known = await this.#store.get(udid);
    const token = known?.update?.token;
    if (token === undefined || (await this.#tokens.get(token))?.completedAt === undefined) return known;
    return this.change(udid, (each) =>
      each.update?.token === token ? revised(each, { update: handedOver(each.update) }) : each,
    );
  }

  flushed(): Promise<void> {
    return this.#store.flushed();
  }
}
