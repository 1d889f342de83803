import { FirmwireError, isStoreFailure } from '../errors.js';
import { availableIn, isUnderWay } from '../home-assistant/state.js';
import type { Consent } from './consent.js';
import type { Orders } from './orders.js';
import type { OwnerFeed } from './owner-feed.js';
import type { Records } from './records.js';

interface Parts {
  readonly records: Records;
  readonly feed: OwnerFeed;
  readonly consent: Consent;
  readonly orders: Orders;
}

/** Carries out "Install": the owner wants the device to have the version that Home Assistant shows as available. */
export class Installs {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Answers the open or postponed question about that version with yes. If there is none because the owner declined, the
   * attempts are used up or something else holds it back, it is the order that `firmwire update` gives. Nothing happens
   * while the device is at it, or if it may have it anyway. Durable.
   * @returns false if the device is not this owner's, or nothing is available for it
   */
  async install(owner: string, udid: string): Promise<boolean> {
    const device = await this.#parts.records.ofOwner(owner, udid);
    if (!device) return false;
    const { decision, live } = await this.#parts.feed.look(device);
    const firmware = availableIn(decision);
    if (!firmware) return false;
    if (decision.kind === 'offer' || isUnderWay(device, decision, live)) return true;
    const { update } = device;
    const isAsked = update?.state === 'asked' && update.firmware === firmware.id;
    if (isAsked) return this.#parts.consent.answer(owner, udid, 'approve');
    try {
      await this.#parts.orders.order(owner, udid, firmware.id, false);
      return true;
    } catch (error) {
      // Withdrawn, or the device removed, in this moment: what was shown is no longer to be had.
      if (error instanceof FirmwireError && !isStoreFailure(error)) return false;
      throw error;
    }
  }
}
