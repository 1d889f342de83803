import type { Firmware, StoredFirmware } from '../firmware.js';
import type { Peers } from '../nodes/peers.js';
import type { FirmwareStore, SignerStore } from '../ports.js';
import { type Mark, raised } from '../signing/marks.js';
import { claimed, sealed } from '../signing/sealed.js';

/**
 * The firmware of each owner. A decision needs the whole list of an owner and is made at every check-in,
 * so lists are kept until this process changes them, or another node says that it has.
 */
export class Catalog {
  readonly #store: FirmwareStore;
  readonly #signers: Pick<SignerStore, 'list'>;
  readonly #peers: Pick<Peers, 'tell'>;
  readonly #lists = new Map<string, Promise<readonly Firmware[]>>();

  constructor(store: FirmwareStore, signers: Pick<SignerStore, 'list'>, peers: Pick<Peers, 'tell'>) {
    this.#store = store;
    this.#signers = signers;
    this.#peers = peers;
  }

  /** An owner's firmware, oldest first. */
  list(owner: string): Promise<readonly Firmware[]> {
    const known = this.#lists.get(owner);
    if (known !== undefined) return known;
    const loading = this.#load(owner);
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

  /**
   * Durable. The owner's marks rise with what was signed about it.
   * @param check is shown the marks in the step that stores it: if it throws, nothing is stored
   */
  async put(
    { seal: _, ...firmware }: Firmware,
    check: (marks: readonly Mark[]) => void = () => {},
  ): Promise<void> {
    const manifest = firmware.manifest === undefined ? undefined : claimed(firmware.manifest);
    const change = (marks: readonly Mark[]): readonly Mark[] => {
      check(marks);
      return manifest ? raised(marks, firmware, manifest) : marks;
    };
    await this.#store.put(firmware, change);
    this.changed(firmware.owner);
  }

  /** How far an owner's sequences have got. */
  marks(owner: string): Promise<readonly Mark[]> {
    return this.#store.marks(owner);
  }

  /** Durable. False if the owner had no such firmware. */
  async remove(owner: string, id: string): Promise<boolean> {
    const removed = await this.#store.remove(owner, id);
    this.changed(owner);
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

  /** This process has changed an owner's firmware, or what it comes to: all nodes read it anew. */
  changed(owner: string): void {
    this.forget(owner);
    this.#peers.tell({ kind: 'catalog', owner });
  }

  async #load(owner: string): Promise<readonly Firmware[]> {
    const stored: readonly StoredFirmware[] = await this.#store.list(owner);
    if (stored.every(({ manifest }) => manifest === undefined)) return stored;
    const [signers, marks] = await Promise.all([this.#signers.list(owner), this.#store.marks(owner)]);
    return stored.map((firmware) => sealed(firmware, signers, marks));
  }
}
