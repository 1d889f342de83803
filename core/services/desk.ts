import { sameGround } from '../arrival.js';
import {
  candidatesFor,
  type Decision,
  decideUpdate,
  isHeldBack,
  isReleasedTo,
  type Nothing,
  type OfferPolicy,
} from '../decide.js';
import { type Device, revised } from '../device.js';
import { FirmwireError } from '../errors.js';
import type { Firmware } from '../firmware.js';
import type { KeyedLock } from '../keyed-lock.js';
import type { Clock, TokenStore } from '../ports.js';
import { sift, standing } from '../signing/seal.js';
import { approved, asked, type Consent, gaveUp, isOpenQuestion, type Update, withdrawn } from '../update.js';
import type { Catalog } from './catalog.js';
import { type Issuer, type Offer, Overtaken } from './issuer.js';
import type { Records } from './records.js';
import type { Transfers } from './transfers.js';

/** What came of looking at a device. */
export interface Outcome {
  readonly device: Device;
  readonly decision: Decision;
  /** Set if the device is to be told now. */
  readonly offer: Offer | undefined;
  /** When to look again even if nothing happens, ms since the epoch. */
  readonly again: number | undefined;
}

/** How often a decision is taken anew because somebody else changed the record meanwhile. */
const MOST_TURNS = 10;

/** When a device that has had too many tokens is looked at again, ms. */
const TOO_OFTEN_MS = 60_000;

/** A way to tell a device about an update. */
export interface Teller {
  /** Until when it must not be told (wire.md 3, "once, not twice"); undefined if it may be told now. */
  heldBackUntil(device: Device, firmware: Firmware): number | undefined;
  /** Sends the offer. Called while no one else looks at this device, so that offers leave in order. */
  tell(device: Device, offer: Offer, firmware: Firmware): Promise<void>;
}

/**
 * Decides for one device at a time and carries the decision out: offers, asks, or closes what became moot.
 * `lock` is shared, keyed by UDID, with whoever else changes what a decision rests on.
 */
export class Desk {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Looks at a device and does what is due.
   * @param teller absent: the device cannot be told now, but its owner can be asked
   * @returns undefined if there is no such device
   */
  consider(udid: string, teller?: Teller): Promise<Outcome | undefined> {
    return this.#onFirmGround(udid, async () => {
      const device = await this.#parts.records.settled(udid);
      if (!device) return undefined;
      const decision = await this.#decide(device);
      switch (decision.kind) {
        case 'offer':
          return this.#offer(device, decision, teller);
        case 'ask':
          return {
            device: await this.#ask(device, decision.firmware),
            decision,
            offer: undefined,
            again: undefined,
          };
        case 'none':
          return {
            device: await this.#close(device, decision),
            decision,
            offer: undefined,
            again: decision.until,
          };
      }
    });
  }

  /**
   * Gives a device that asks for firmware a token for it, if it may have it (wire.md 4, `POST /device/firmware`).
   * @param forced the newest firmware even if it is not newer and auto update is off
   * @returns the token, or undefined if there is nothing newer for it
   * @throws FirmwireError `UPDATE_NOT_FOUND` if there is no firmware for it at all, `throttled` if it asks too often
   */
  async request(
    udid: string,
    forced: boolean,
    params: Readonly<Record<string, string>>,
  ): Promise<Offer | undefined> {
    return this.#onFirmGround(udid, async () => {
      const device = await this.#parts.records.settled(udid);
      if (!device) throw new FirmwireError('no_such_device');
      const all = await this.#parts.catalog.list(device.owner);
      const { clock, policy } = this.#parts;
      const { free } = sift(candidatesFor(device, all), device, clock.now(), policy.requireSignature);
      const [newest] = standing(free.filter((firmware) => isReleasedTo(device, firmware)));
      const decision = await this.#decide(device);
      const issue = async (firmware: Firmware, consent: Consent): Promise<Offer> => {
        if (!this.#parts.issuer.mayIssue(udid)) throw new FirmwireError('throttled');
        const offer = await this.#parts.issuer.issue(device, firmware, consent, params);
        if (!offer) throw new FirmwireError('no_such_device');
        return offer;
      };
      // Whoever is set aside, or was let in by a rollout that stands still, does not get it by asking.
      const mayAsk =
        newest !== undefined && !device.quarantine && !isHeldBack(newest, this.#parts.clock.now());
      if (forced && mayAsk) return issue(newest, 'requested');
      if (decision.kind === 'offer') return issue(decision.firmware, decision.consent);
      if (decision.kind === 'ask') await this.#ask(device, decision.firmware);
      if (!newest) throw new FirmwireError('UPDATE_NOT_FOUND');
      return undefined;
    });
  }

  /**
   * Takes a decision and carries it out. The lock holds for this process; whoever else changes the record meanwhile
   * (a download, another node) makes the decision be taken anew.
   */
  #onFirmGround<T>(udid: string, action: () => Promise<T>): Promise<T> {
    return this.#parts.lock.acquire(udid, async () => {
      for (let turn = 1; ; turn++) {
        try {
          return await action();
        } catch (error) {
          if (!(error instanceof Overtaken) || turn === MOST_TURNS) throw error;
        }
      }
    });
  }

  async #decide(device: Device): Promise<Decision> {
    return decideUpdate(
      device,
      await this.#parts.catalog.list(device.owner),
      this.#parts.clock.now(),
      this.#parts.policy,
    );
  }

  async #offer(
    device: Device,
    decision: Extract<Decision, { kind: 'offer' }>,
    teller?: Teller,
  ): Promise<Outcome | undefined> {
    const { firmware, consent } = decision;
    if (!teller) {
      const granted = await this.#grant(device, firmware, consent);
      return { device: granted, decision, offer: undefined, again: undefined };
    }
    const again = teller.heldBackUntil(device, firmware);
    if (again !== undefined) return { device, decision, offer: undefined, again };
    if (!this.#parts.issuer.mayIssue(device.udid)) {
      const later = this.#parts.clock.now() + TOO_OFTEN_MS;
      return { device, decision, offer: undefined, again: later };
    }
    const offer = await this.#parts.issuer.issue(device, firmware, consent, {});
    // Removed meanwhile: there is nobody to tell.
    if (!offer) return undefined;
    await teller.tell(device, offer, firmware);
    return { device, decision, offer, again: undefined };
  }

  /** It may have what its owner was asked about: the question is answered, whether or not it can be told now. */
  async #grant(device: Device, firmware: Firmware, consent: Consent): Promise<Device> {
    if (device.update?.state !== 'asked') return device;
    const now = this.#parts.clock.now();
    const change = (known: Device) =>
      known.update?.state === 'asked' && known.update.firmware === firmware.id
        ? revised(known, { update: approved(known.update, consent, now) })
        : known;
    return (await this.#parts.records.change(device.udid, change)) ?? device;
  }

  async #ask(device: Device, firmware: Firmware): Promise<Device> {
    const { udid, update } = device;
    if (isOpenQuestion(update) && update.firmware === firmware.id) return device;
    // What it is fetching now was allowed; the question can wait until it comes back.
    if (this.#parts.transfers.isActive(udid)) return device;
    if (update?.token !== undefined) await this.#parts.tokens.kill(udid);
    const now = this.#parts.clock.now();
    const change = (known: Device) => {
      if (!sameGround(device, known)) throw new Overtaken();
      return revised(known, { update: asked(known.update, firmware, known.version, now) });
    };
    return (await this.#parts.records.change(udid, change)) ?? device;
  }

  /** Nothing is due: what was asked or offered before and is moot now is taken back. */
  async #close(device: Device, decision: Nothing): Promise<Device> {
    const { udid } = device;
    const now = this.#parts.clock.now();
    const isSpent = decision.reason === 'attempts_used_up';
    const isMoot = !KEEPS_OPEN.has(decision.reason);
    const holds = (known: Device): boolean =>
      known.update !== undefined &&
      ((isSpent && (known.update.state !== 'failed' || isToSetAside(known))) ||
        (isMoot && this.#isOpen(known.update, udid)));
    if (!holds(device)) return device;

    // The token first: after that no download can complete. One that did before has changed the record, so the rule
    // is asked again of the record as it is.
    if (isMoot) await this.#parts.tokens.kill(udid);
    const closed = await this.#parts.records.change(udid, (known) => {
      const { update } = known;
      if (!update || !holds(known)) return known;
      if (isSpent) return givenUp(known, gaveUp(update, update.error ?? stillOld(known), now), now);
      return revised(known, { update: update.token === undefined ? undefined : withdrawn(update, now) });
    });
    return closed ?? device;
  }

  /** True if it has been promised or asked about, and is not being fetched now. */
  #isOpen({ state }: Update, udid: string): boolean {
    return OPEN.has(state) || (state === 'downloading' && !this.#parts.transfers.isActive(udid));
  }
}

const isToSetAside = ({ grant, quarantine, update }: Device): boolean =>
  quarantine === undefined && update !== undefined && grant?.firmware === update.firmware;

/** A device that has failed in a rollout is set aside: it would be the first to try whatever comes next. */
function givenUp(device: Device, update: Update, now: number): Device {
  const failed = revised(device, { update });
  if (!isToSetAside(failed)) return failed;
  const reason = `it failed to install ${update.version} ${update.attempts} times`;
  return revised(failed, { quarantine: { at: now, firmware: update.firmware, reason } });
}

const stillOld = ({ version, update }: Device): string =>
  `still reports ${version ?? 'no version'} after ${update?.attempts ?? 0} complete transfers`;

/** States of an update that has been promised or asked about and not begun. */
const OPEN: ReadonlySet<string> = new Set(['asked', 'approved', 'offered']);

/** Reasons that hold an update back for now without making it moot. */
const KEEPS_OPEN: ReadonlySet<string> = new Set([
  'postponed',
  'retry_pause',
  'attempts_used_up',
  'unverified',
  'window_closed',
  'rollout_paused',
]);

interface Parts {
  readonly catalog: Catalog;
  readonly records: Records;
  readonly tokens: TokenStore;
  readonly transfers: Transfers;
  readonly clock: Clock;
  readonly policy: OfferPolicy;
  readonly issuer: Issuer;
  /** Keyed by UDID, shared with whoever else changes what a decision rests on. */
  readonly lock: KeyedLock;
}
