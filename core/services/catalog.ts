import type { Firmware } from '../firmware.js';
import type { Peers } from '../nodes/peers.js';
import type { FirmwareStore } from '../ports.js';

/** The key of the lock under which bytes and the records that point to them change together. */
export const BLOBS = 'blobs';

/**
 * The firmware of each owner. A decision needs the whole list of an owner and is made at every check-in,
 * so lists are kept until this process changes them, or another node says that it has.
 */
export class Catalog {
  readonly #store: FirmwareStore;
  readonly #peers: Pick<Peers, 'tell'>;
  readonly #lists = new Map<string, Promise<readonly Firmware[]>>();

  constructor(store: FirmwareStore, peers: Pick<Peers, 'tell'>) {
    this.#store = store;
    this.#peers = peers;
  }

  /** An owner's firmware, oldest first. */
  list(owner: string): Promise<readonly Firmware[]> {
    const known = this.#lists.get(owner);
    if (known !== undefined) return known;
    const loading = this.#store.list(owner);
    this.#lists.set(owner, loading);
    // A failed load must not be remembered.
    loading.catch(() => {
      if (this.#lists.get(owner) === loading) this.#lists.delete(owner);
    });
    return loading;
  }

  async get(owner: string, id: string): Promise<Firmware | undefined> {
    return (await this.list(owner)).find((firmware) => firmware.id === id);
  }

  /** Durable. */
  async put(firmware: Firmware): Promise<void> {
    await this.#store.put(firmware);
    this.#changed(firmware.owner);
  }

  /** Durable. False if the owner had no such firmware. */
  async remove(owner: string, id: string): Promise<boolean> {
    const removed = await this.#store.remove(owner, id);
    this.#changed(owner);
    return removed;
  }

  /** The list of this owner, or of all, is to be read anew: somebody else has changed it, or may have. */
  forget(owner?: string): void {
    if (owner === undefined) this.#lists.clear();
    else this.#lists.delete(owner);
  }

  isUsed(sha256: string): Promise<boolean> {
    return this.#store.isUsed(sha256);
  }

  #changed(owner: string): void {
    this.forget(owner);
    this.#peers.tell({ kind: 'catalog', owner });
  }
}
