import { FirmwireError } from '../errors.js';
import { type Firmware, mismatch } from '../firmware.js';
import type { Clock, SignerStore } from '../ports.js';
import { readPublicKey, type Signer, signerId } from '../signing/keys.js';
import type { Announcer } from './announcer.js';
import type { Catalog } from './catalog.js';
import type { Orders } from './orders.js';
import type { OwnerFeed } from './owner-feed.js';

/** One is in use, one is the next; a team has some more. */
const MOST = 32;

/** The keys that an owner trusts to sign firmware. The private halves are never here. */
export class Signers {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Oldest first. */
  list(owner: string): Promise<readonly Signer[]> {
    return this.#parts.store.list(owner);
  }

  /**
   * Trusts a key from now on. What it signed before counts again. Durable.
   * @param pem the public key
   * @throws FirmwireError `field_invalid` if it is none, `signer_exists`, `signers_full`
   */
  async add(owner: string, alias: string, pem: string): Promise<Signer> {
    const publicKey = readPublicKey(pem);
    const signer = { id: signerId(publicKey), owner, alias, publicKey, createdAt: this.#parts.clock.now() };
    if ((await this.list(owner)).length >= MOST) throw new FirmwireError('signers_full');
    if (!(await this.#parts.store.add(signer))) throw new FirmwireError('signer_exists');
    await this.#tell(owner, await this.#signedBy(owner, signer.id));
    return signer;
  }

  /**
   * Trusts a key no longer: what it signed is offered to nobody any more, downloads of it are cut, its tokens die. Durable.
   * @throws FirmwireError `signer_not_found`
   */
  async remove(owner: string, id: string): Promise<void> {
    const { store, orders, announcer } = this.#parts;
    if (!(await store.remove(owner, id))) throw new FirmwireError('signer_not_found');
    const theirs = await this.#signedBy(owner, id);
    const ids = new Set(theirs.map((firmware) => firmware.id));
    await announcer.each(
      owner,
      ({ update }) => update !== undefined && ids.has(update.firmware),
      async ({ udid, update }) => {
        if (update) await orders.retract(udid, update.firmware);
      },
    );
    // Once all of it is gone: or a device would be offered what is taken back next.
    await this.#tell(owner, theirs);
  }

  /** The owner's firmware that says it is signed with this key, as it stands now. */
  async #signedBy(owner: string, id: string): Promise<readonly Firmware[]> {
    const { catalog } = this.#parts;
    catalog.changed(owner);
    return (await catalog.list(owner)).filter(({ seal }) => seal?.signer === id);
  }

  /** Tells the owner how this firmware now stands, and looks at the devices that it is for. */
  async #tell(owner: string, changed: readonly Firmware[]): Promise<void> {
    const { announcer, catalog, feed } = this.#parts;
    for (const firmware of changed) {
      // Withdrawn meanwhile.
      if (await catalog.get(owner, firmware.id)) feed.firmwareStored(firmware);
    }
    if (changed.length === 0) return;
    await announcer.each(
      owner,
      (device) => changed.some((firmware) => mismatch(firmware, device) === undefined),
      async ({ udid }) => {
        await announcer.reconsider(udid);
      },
    );
  }
}

interface Parts {
  readonly store: SignerStore;
  readonly catalog: Catalog;
  readonly orders: Orders;
  readonly announcer: Announcer;
  readonly feed: OwnerFeed;
  readonly clock: Clock;
}
