import type { Decision } from '../decide.js';
import type { Device } from '../device.js';
import { describedAlike, discoveryOf } from '../home-assistant/discovery.js';
import { entityState } from '../home-assistant/state.js';
import type { HomeAssistantTopics } from '../home-assistant/topics.js';
import type { Outbox } from '../ports.js';
import type { Live } from '../view.js';

/** Tells the owners' Home Assistants of their devices. As all that owners are told, it follows from the records. */
export class HomeAssistantFeed {
  readonly topics: HomeAssistantTopics;
  readonly #outbox: Outbox;
  readonly #serverVersion: string;

  constructor(outbox: Outbox, topics: HomeAssistantTopics, serverVersion: string) {
    this.#outbox = outbox;
    this.topics = topics;
    this.#serverVersion = serverVersion;
  }

  /** The discovery message of a device. */
  discovery(device: Device): string {
    return JSON.stringify(discoveryOf(device, this.topics, this.#serverVersion));
  }

  /** The state message of a device. */
  state(device: Device, decision: Decision, live: Live): string {
    return JSON.stringify(entityState(device, decision, live));
  }

  /** Makes Home Assistant show the device. */
  tellDiscovery(device: Device): void {
    const { owner, udid } = device;
    if (!this.#outbox.isHeard(owner)) return;
    this.#outbox.toOwner(owner, this.topics.config(udid), this.discovery(device), true);
  }

  tellState(device: Device, decision: Decision, live: Live): void {
    const payload = this.state(device, decision, live);
    this.#outbox.toOwner(device.owner, this.topics.state(device.udid), payload, true);
  }

  /** A record has changed: the device may have another name now, or another version. */
  changed(before: Device, after: Device): void {
    if (!describedAlike(before, after)) this.tellDiscovery(after);
  }

  /** Makes Home Assistant forget the device. */
  removed({ owner, udid }: Device): void {
    this.#outbox.toOwner(owner, this.topics.config(udid), '', true);
  }
}
