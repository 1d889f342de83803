import type { Identity, Message, Plugin, Session, Verdict } from '../broker/plugin.js';
import { isStoreFailure } from '../core/errors.js';
import { PAYLOAD_INSTALL } from '../core/home-assistant/discovery.js';
import type { Announcer } from '../core/services/announcer.js';
import type { HomeAssistantFeed } from '../core/services/home-assistant-feed.js';
import type { Installs } from '../core/services/installs.js';

/** A device may come with an owner key: it has no part in this. */
const isOwner = ({ scope, udid }: Identity): boolean => scope === 'owner' && udid === undefined;

/**
 * Home Assistant, which logs in as an owner (docs/home-assistant.md): the rights on its topics, "Install", and discovery
 * once more when it comes up. The messages themselves come from the feed and, at SUBSCRIBE, from the records.
 */
export class HomeAssistant implements Plugin {
  readonly name = 'home-assistant';
  readonly #feed: HomeAssistantFeed;
  readonly #installs: Installs;
  readonly #announcer: Announcer;
  /** Devices that are to be updated and have not been looked at yet. */
  readonly #installing = new Set<string>();
  /** Owners whose devices are being shown, and whether that has to be done once more after it. */
  readonly #showing = new Map<string, 'once' | 'again'>();

  constructor(feed: HomeAssistantFeed, installs: Installs, announcer: Announcer) {
    this.#feed = feed;
    this.#installs = installs;
    this.#announcer = announcer;
  }

  mayPublish({ identity }: Session, topic: string): Verdict {
    const { topics } = this.#feed;
    if (!topics.includes(topic)) return undefined;
    const isOurs = topic === topics.status || topics.commanded(topic) !== undefined;
    return isOurs && isOwner(identity) ? 'allow' : 'deny';
  }

  maySubscribe({ identity }: Session, filter: string): Verdict {
    return isOwner(identity) && this.#feed.topics.reachedBy(filter) ? 'allow' : undefined;
  }

  mayReceive({ identity }: Session, { topic, owner }: Message): Verdict {
    const { topics } = this.#feed;
    if (!topics.includes(topic)) return undefined;
    // A command is for the server, and nobody may read it.
    if (topics.commanded(topic) !== undefined) return 'deny';
    return isOwner(identity) && owner === identity.owner ? 'allow' : 'deny';
  }

  /** Stored before the owner's client gets its PUBACK, as every answer. */
  publishing({ identity }: Session, message: Message): Promise<unknown> | undefined {
    const udid = this.#feed.topics.commanded(message.topic);
    // A retained one may be of long ago.
    if (udid === undefined || message.retain) return undefined;
    return message.payload.toString() === PAYLOAD_INSTALL ? this.#install(identity.owner, udid) : undefined;
  }

  /** The device hears of it right after. */
  published({ identity }: Session, { topic, payload }: Message): Promise<void> | undefined {
    if (topic === this.#feed.topics.status)
      return payload.toString() === 'online' ? this.#show(identity.owner) : undefined;
    const udid = this.#feed.topics.commanded(topic);
    return udid === undefined ? undefined : this.#follow(udid);
  }

  async #install(owner: string, udid: string): Promise<unknown> {
    try {
      if (await this.#installs.install(owner, udid)) this.#installing.add(udid);
    } catch (error) {
      if (isStoreFailure(error)) return 'unstored';
      throw error;
    }
  }

  async #follow(udid: string): Promise<void> {
    if (this.#installing.delete(udid)) await this.#announcer.reconsider(udid);
  }

  /** Shows all devices. Who says `online` many times at once gets them twice at most. */
  async #show(owner: string): Promise<void> {
    if (this.#showing.has(owner)) {
      this.#showing.set(owner, 'again');
      return;
    }
    this.#showing.set(owner, 'once');
    try {
      await this.#announcer.each(
        owner,
        () => true,
        async (device) => this.#feed.tellDiscovery(device),
      );
    } finally {
      const word = this.#showing.get(owner);
      this.#showing.delete(owner);
      if (word === 'again') await this.#show(owner);
    }
  }
}
