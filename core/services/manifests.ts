import type { OfferPolicy } from '../decide.js';
import type { Clock } from '../ports.js';
import { barOf } from '../signing/seal.js';
import type { Catalog } from './catalog.js';
import type { Records } from './records.js';

/** What devices are told that check for themselves what they install. */
export class Manifests {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * The manifest of the update that this device is owed, is taking or took last.
   * @returns undefined if there is none, it is not signed, or it must not be handed out
   */
  async of(owner: string, udid: string): Promise<string | undefined> {
    const { records, catalog, clock, policy } = this.#parts;
    const device = await records.ofOwner(owner, udid);
    const id = device?.update?.firmware;
    const firmware = id === undefined ? undefined : await catalog.get(owner, id);
    if (!device || !firmware || barOf(firmware, device, clock.now(), policy.requireSignature))
      return undefined;
    return firmware.manifest;
  }
}

interface Parts {
  readonly records: Records;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly policy: Pick<OfferPolicy, 'requireSignature'>;
}
