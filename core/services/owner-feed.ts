import { type Decision, decideUpdate, type OfferPolicy } from '../decide.js';
import type { Device } from '../device.js';
import type { Firmware } from '../firmware.js';
import { type FirmwareView, viewFirmware } from '../firmware-view.js';
import type { HistoryEvent } from '../history.js';
import { noticeOf, noticePayload } from '../notice.js';
import type { Clock, Outbox, Presence, RolloutStore } from '../ports.js';
import type { Rollout } from '../rollouts/rollout.js';
import { type RolloutView, viewRollout } from '../rollouts/view.js';
import { eventsTopic, firmwareTopic, noticeTopic, rolloutTopic, stateTopic } from '../topics.js';
import { type DeviceView, type Live, viewDevice } from '../view.js';
import type { Catalog } from './catalog.js';
import type { History } from './history.js';
import type { HomeAssistantFeed } from './home-assistant-feed.js';
import type { Transfers } from './transfers.js';

/** Messages to one owner on their way, past which news of progress is left out. */
const CROWDED = 200;

/** What an owner is told on `/<owner>/rtm/events`. */
export type EventName = HistoryEvent | 'published' | 'removed';

export interface EventFacts {
  readonly udid?: string;
  readonly alias?: string;
  readonly version?: string;
  readonly firmware?: string;
  readonly progress?: number;
  readonly error?: string;
}

/** What of an event is about something that happened to one device. */
type DeviceFacts = Pick<EventFacts, 'version' | 'firmware' | 'error'>;

/** Tells owners what happens to their devices (wire.md 1, the `rtm` rows; 5, the notice), and has it kept. */
export class OwnerFeed {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Undefined if Home Assistant is not spoken to. */
  get homeAssistant(): HomeAssistantFeed | undefined {
    return this.#parts.homeAssistant;
  }

  /** What is decided about a device now, and what no record holds. */
  async look(device: Device): Promise<Seen> {
    return (await this.looker(device.owner))(device);
  }

  /** `look`, for many devices of an owner one after the other. */
  async looker(owner: string): Promise<(device: Device) => Seen> {
    const all = await this.#parts.catalog.list(owner);
    return (device) => ({ decision: this.#decide(device, all), live: this.#live(device) });
  }

  /** A device as its owner sees it now. */
  async view(device: Device): Promise<DeviceView> {
    const { decision, live } = await this.look(device);
    return viewDevice(device, decision, live);
  }

  /** All firmware of an owner as they see it, oldest first. */
  async firmwareOf(owner: string): Promise<readonly FirmwareView[]> {
    return (await this.#parts.catalog.list(owner)).map(viewFirmware);
  }

  event(owner: string, event: EventName, facts: EventFacts, at = this.#parts.clock.now()): void {
    if (!this.#parts.outbox.isHeard(owner)) return;
    const payload = JSON.stringify({ event, ...facts, at });
    this.#parts.outbox.toOwner(owner, eventsTopic(owner), payload, false);
  }

  /** Tells how far a download is, unless the owner has more to read than they can: the next step says it again. */
  progress(owner: string, facts: EventFacts): void {
    if (this.#parts.outbox.backlog(owner) < CROWDED) this.event(owner, 'downloading', facts);
  }

  /** True if a Home Assistant of this owner may be listening. */
  showsEntities(owner: string): boolean {
    return this.#parts.homeAssistant !== undefined && this.#parts.outbox.isHeard(owner);
  }

  /** True if every step of a download is to be shown there; it has no events. */
  showsProgress(owner: string): boolean {
    return this.showsEntities(owner) && this.#parts.outbox.backlog(owner) < CROWDED;
  }

  /** Something has happened to a device. It is kept even if nobody hears of it now. */
  deviceEvent(device: Device, event: HistoryEvent, facts: DeviceFacts = {}): void {
    const { owner, udid, alias } = device;
    // One time for both: by it a reader knows that what it heard is what was kept.
    const at = this.#parts.clock.now();
    this.#parts.history.note(udid, { event, at, ...facts });
    this.event(owner, event, { udid, alias, ...facts }, at);
  }

  /** A download ended before its time: its owner has seen how far it got, and may look it up later. */
  brokeOff(udid: string, { id, version }: Firmware, progress: number): void {
    const at = this.#parts.clock.now();
    this.#parts.history.note(udid, { event: 'downloading', at, version, firmware: id, progress, count: 0 });
  }

  firmwareEvent(firmware: Firmware, event: 'published' | 'withdrawn'): void {
    this.event(firmware.owner, event, { firmware: firmware.id, version: firmware.version });
  }

  /** A firmware has been stored, or stored anew. */
  firmwareStored(firmware: Firmware): void {
    const { owner, id } = firmware;
    if (!this.#parts.outbox.isHeard(owner)) return;
    const payload = JSON.stringify(viewFirmware(firmware));
    this.#parts.outbox.toOwner(owner, firmwareTopic(owner, id), payload, true);
  }

  /** A rollout has begun, gone on or ended. */
  rolloutChanged(rollout: Rollout): void {
    const { owner, id } = rollout;
    if (!this.#parts.outbox.isHeard(owner)) return;
    this.#parts.outbox.toOwner(owner, rolloutTopic(owner, id), JSON.stringify(viewRollout(rollout)), true);
  }

  /** All rollouts of an owner as they see them, oldest first. */
  async rolloutsOf(owner: string): Promise<readonly RolloutView[]> {
    return (await this.#parts.rollouts.list(owner)).map(viewRollout);
  }

  /** A firmware is no more. */
  firmwareRemoved({ owner, id }: Firmware): void {
    this.#parts.outbox.toOwner(owner, firmwareTopic(owner, id), '', true);
  }

  /** Publishes the device's state as it now stands. */
  async state(device: Device): Promise<void> {
    if (!this.#parts.outbox.isHeard(device.owner)) return;
    const decision = this.#decide(device, await this.#parts.catalog.list(device.owner));
    const live = this.#live(device);
    const payload = JSON.stringify(viewDevice(device, decision, live));
    this.#parts.outbox.toOwner(device.owner, stateTopic(device.owner, device.udid), payload, true);
    this.#parts.homeAssistant?.tellState(device, decision, live);
  }

  /** Tells Home Assistant, and nobody else, how a device now stands. */
  async entityState(device: Device): Promise<void> {
    if (!this.showsEntities(device.owner)) return;
    const { decision, live } = await this.look(device);
    this.#parts.homeAssistant?.tellState(device, decision, live);
  }

  /** A device has come into being. */
  async appeared(device: Device): Promise<void> {
    this.deviceEvent(device, 'created');
    this.#parts.homeAssistant?.tellDiscovery(device);
    await this.state(device);
  }

  /** Tells everything that follows from the change of a record: notice opened or closed, event, state. */
  async changed(before: Device, after: Device): Promise<void> {
    this.#notice(before, after);
    this.#parts.homeAssistant?.changed(before, after);
    const { update } = after;
    const isNews =
      update && (update.state !== before.update?.state || update.firmware !== before.update.firmware);
    if (isNews) {
      const error = update.error === undefined ? {} : { error: update.error };
      this.deviceEvent(after, update.state, { version: update.version, firmware: update.firmware, ...error });
    } else if (update?.state === 'downloading' && update.startedAt !== before.update?.startedAt) {
      // One more attempt is no event, the owner sees its progress; but it happened.
      const { version, firmware } = update;
      this.#parts.history.note(after.udid, {
        event: update.state,
        at: this.#parts.clock.now(),
        version,
        firmware,
      });
    }
    await this.state(after);
  }

  /** Everything about a device that is no more. */
  removed(device: Device): void {
    if (noticeOf(device))
      this.#parts.outbox.toOwner(device.owner, noticeTopic(device.owner, device.udid), '', true);
    this.#parts.outbox.toOwner(device.owner, stateTopic(device.owner, device.udid), '', true);
    this.#parts.homeAssistant?.removed(device);
    this.#parts.history.forget(device.udid);
    this.event(device.owner, 'removed', { udid: device.udid, alias: device.alias });
  }

  #decide(device: Device, all: readonly Firmware[]): Decision {
    return decideUpdate(device, all, this.#parts.clock.now(), this.#parts.policy);
  }

  #live({ udid }: Device): Live {
    const progress = this.#parts.transfers.progressOf(udid);
    return { online: this.#parts.presence.isOnline(udid), progress };
  }

  #notice(before: Device, after: Device): void {
    const old = noticeOf(before);
    const open = noticeOf(after);
    const topic = noticeTopic(after.owner, after.udid);
    if (open && (old?.version !== open.version || old.installed !== open.installed)) {
      this.#parts.outbox.toOwner(after.owner, topic, noticePayload(open), true);
    } else if (old && !open) {
      this.#parts.outbox.toOwner(after.owner, topic, '', true);
    }
  }
}

/** What is known of a device besides its record. */
export interface Seen {
  readonly decision: Decision;
  readonly live: Live;
}

interface Parts {
  readonly outbox: Outbox;
  readonly catalog: Catalog;
  readonly rollouts: Pick<RolloutStore, 'list'>;
  readonly presence: Presence;
  readonly transfers: Transfers;
  readonly history: Pick<History, 'note' | 'forget'>;
  readonly clock: Clock;
  readonly policy: OfferPolicy;
  readonly homeAssistant?: HomeAssistantFeed | undefined;
}
