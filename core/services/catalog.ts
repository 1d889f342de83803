import type { Firmware } from '../firmware.js';
import type { FirmwareStore } from '../ports.js';

/**
 * The firmware of each owner. A decision needs the whole list of an owner and is made at every check-in,
 * so lists are kept until this process changes them.
 */
export class Catalog {
  readonly #store: FirmwareStore;
  readonly #lists = new Map<string, Promise<readonly Firmware[]>>();

  constructor(store: FirmwareStore) {
    this.#store = store;
  }

  /** An owner's firmware, oldest first. */
  list(owner: string): Promise<readonly Firmware[]> {
    const known = this.#lists.get(owner);
    if (known !== undefined) return known;
    const loading = this.#store.list(owner);
    this.#lists.set(owner, loading);
    // A failed load must not be remembered.
    loading.catch(() => this.#lists.delete(owner));
    return loading;
  }

  async get(owner: string, id: string): Promise<Firmware | undefined> {
    return (await this.list(owner)).find((firmware) => firmware.id === id);
  }

  /** Durable. */
  async put(firmware: Firmware): Promise<void> {
    await this.#store.put(firmware);
    this.#lists.delete(firmware.owner);
  }

  /** Durable. False if the owner had no such firmware. */
  async remove(owner: string, id: string): Promise<boolean> {
    const removed = await this.#store.remove(owner, id);
    this.#lists.delete(owner);
    return removed;
  }

  isUsed(sha256: string): Promise<boolean> {
    return this.#store.isUsed(sha256);
  }
}
