import type { CheckIn } from '../checkin.js';
import type { Device } from '../device.js';
import type { Firmware } from '../firmware.js';
import { okPayload, updatePayload } from '../payload.js';
import type { Clock, Log, Telemetry } from '../ports.js';
import { isWithin } from '../time.js';
import type { Desk, Outcome, Teller } from './desk.js';
import type { Offer } from './issuer.js';
import type { Registry } from './registry.js';
import type { Transfers } from './transfers.js';

/** How offers are timed on one connection (config.yaml, `offers`). */
export interface ConversationTiming {
  /** After SUBSCRIBE, wait so many ms for the check-in before offering. */
  readonly settleMs: number;
  /** An offer is not repeated on one connection within so many ms. */
  readonly freshMs: number;
}

/** What every conversation works with. */
export interface ConversationParts {
  readonly desk: Desk;
  readonly registry: Registry;
  readonly transfers: Transfers;
  readonly clock: Clock;
  readonly timing: ConversationTiming;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/** Sends payloads to the device in this order. False if it cannot be reached now. */
export type Send = (payloads: readonly string[]) => Promise<boolean>;

/**
 * What is said to a device on one MQTT connection: "once, not twice" (wire.md 3). A device subscribes and checks in
 * within the same second, and some generations take a second FIRMWARE_UPDATE for a success or drop off.
 */
export class Conversation implements Teller {
  readonly udid: string;
  readonly #send: Send;
  readonly #desk: Desk;
  readonly #registry: Registry;
  readonly #transfers: Transfers;
  readonly #clock: Clock;
  readonly #timing: ConversationTiming;
  readonly #telemetry: Telemetry;
  readonly #log: Log;
  #subscribed = false;
  #closed = false;
  /** A check-in came before the device could hear an answer. */
  #owesAnswer = false;
  /** What it told in a check-in while the store was away: it may not tell it again for days. */
  #unheard: CheckIn | undefined;
  #lastOffer: { firmware: string; at: number } | undefined;
  #cancelTimer: (() => void) | undefined;
  #settling = false;

  constructor(udid: string, send: Send, parts: ConversationParts) {
    this.udid = udid;
    this.#send = send;
    this.#desk = parts.desk;
    this.#registry = parts.registry;
    this.#transfers = parts.transfers;
    this.#clock = parts.clock;
    this.#timing = parts.timing;
    this.#telemetry = parts.telemetry;
    this.#log = parts.log;
  }

  /** The device can hear us. It is available from now on, whether or not it checks in. */
  async subscribed(): Promise<void> {
    this.#subscribed = true;
    if (this.#owesAnswer) return this.#answer();
    this.#settling = true;
    this.#schedule(this.#timing.settleMs);
  }

  /** The device checked in; it gets one answer. */
  async checkedIn(facts: CheckIn): Promise<void> {
    this.#unheard = undefined;
    await this.#owing(() => this.#hear(facts));
    if (!this.#subscribed) this.#owesAnswer = true;
    else await this.#answer();
  }

  /** The store was away and is back: says now what could not be said. */
  async resume(): Promise<void> {
    if (this.#unheard) await this.#hear(this.#unheard);
    if (this.#subscribed && this.#owesAnswer) await this.#answer();
    else await this.reconsider();
  }

  /**
   * Something changed that may concern this device: tells it now if there is anything to tell.
   * @param since when that began, ms since the epoch: the time it takes to tell is measured from then; absent: it is not
   */
  async reconsider(since?: number): Promise<Outcome | undefined> {
    // While it settles, the check-in or the timer will find the same news within a moment.
    const teller = this.#subscribed && !this.#settling ? this.#teller(since) : undefined;
    const outcome = await this.#desk.consider(this.udid, teller);
    if (outcome?.again !== undefined && teller) this.#schedule(outcome.again - this.#clock.now());
    return outcome;
  }

  /** The connection is gone. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
  }

  heldBackUntil(device: Device, firmware: Firmware): number | undefined {
    const now = this.#clock.now();
    const { freshMs } = this.#timing;
    if (this.#transfers.isActive(this.udid)) return now + freshMs;
    const begun = device.update?.firmware === firmware.id ? device.update.startedAt : undefined;
    if (begun !== undefined && isWithin(now, begun, freshMs)) return begun + freshMs;
    const last = this.#lastOffer;
    if (last?.firmware === firmware.id && isWithin(now, last.at, freshMs)) return last.at + freshMs;
    return undefined;
  }

  async tell(device: Device, offer: Offer, firmware: Firmware): Promise<void> {
    await this.#tell(device, offer, firmware);
  }

  /** This conversation; with a beginning, one that measures. */
  #teller(since: number | undefined): Teller {
    if (since === undefined) return this;
    return {
      heldBackUntil: (device, firmware) => this.heldBackUntil(device, firmware),
      tell: async (device, offer, firmware) => {
        const isTold = await this.#tell(device, offer, firmware);
        if (isTold) this.#telemetry.pushed(this.#clock.now() - since);
      },
    };
  }

  async #tell(device: Device, offer: Offer, firmware: Firmware): Promise<boolean> {
    const update = updatePayload(device.udid, offer.version, offer.token);
    const isTold = await this.#send(device.autoUpdate ? [update] : [this.#unlocking(device), update]);
    if (isTold) this.#lastOffer = { firmware: firmware.id, at: this.#clock.now() };
    return isTold;
  }

  /** A device built with auto update off obeys only after it has been told that it is on (wire.md 3). */
  #unlocking(device: Device): string {
    return okPayload({ ...device, autoUpdate: true }, this.#clock.now());
  }

  async #answer(): Promise<void> {
    this.#settling = false;
    this.#owesAnswer = false;
    this.#cancelTimer?.();
    const outcome = await this.#owing(async () => {
      if (this.#unheard) await this.#hear(this.#unheard);
      return this.reconsider();
    });
    if (!outcome || outcome.offer) return;
    await this.#send([okPayload(outcome.device, this.#clock.now())]);
  }

  async #hear(facts: CheckIn): Promise<void> {
    try {
      await this.#registry.hear(this.udid, facts);
      if (this.#unheard === facts) this.#unheard = undefined;
    } catch (error) {
      this.#unheard = facts;
      throw error;
    }
  }

  /** While the store is away the device cannot be answered; it is owed the answer then. */
  async #owing<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      this.#owesAnswer = true;
      throw error;
    }
  }

  #schedule(ms: number): void {
    this.#cancelTimer?.();
    if (this.#closed) return;
    this.#cancelTimer = this.#clock.after(Math.max(0, ms), () => {
      this.#settling = false;
      this.reconsider().catch((err: unknown) => this.#log.error({ err, udid: this.udid }, 'offering failed'));
    });
  }
}
