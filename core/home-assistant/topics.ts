import { filterMatches, filterReaches, isUdid } from '../topics.js';

/** Stands for every UDID when a filter is looked at. */
const ANY = '00000000-0000-0000-0000-000000000000';

/**
 * The topics of Home Assistant's MQTT discovery. Their names are fixed by Home Assistant and name no owner, so whose a
 * message on them is has to travel with the message (broker/ownerless.ts).
 */
export class HomeAssistantTopics {
  /** Where Home Assistant says that it has come (`online`) or gone (`offline`). */
  readonly status: string;
  readonly #root: string;
  readonly #levels: readonly string[];

  /** @param prefix its "discovery prefix"; may have several levels */
  constructor(prefix: string) {
    this.status = `${prefix}/status`;
    this.#root = `${prefix}/`;
    this.#levels = prefix.split('/');
  }

  /** What makes Home Assistant show the device; empty: it is removed. */
  config(udid: string): string {
    return `${this.#root}update/${udid}/config`;
  }

  state(udid: string): string {
    return `${this.#root}update/${udid}/state`;
  }

  /** Where `install` is said. */
  command(udid: string): string {
    return `${this.#root}update/${udid}/install`;
  }

  /** True for every topic under the prefix. */
  includes(topic: string): boolean {
    return topic.startsWith(this.#root);
  }

  /** The device that is meant, if this is a command topic. */
  commanded(topic: string): string | undefined {
    if (!this.includes(topic)) return undefined;
    const udid = topic.slice(this.#root.length).split('/')[1] ?? '';
    return isUdid(udid) && topic === this.command(udid) ? udid : undefined;
  }

  /** True if the filter could match some topic under the prefix. */
  reachedBy(filter: string): boolean {
    return filterReaches(filter, this.#levels);
  }

  /** Whose discovery or state the filter matches: one device's, by its UDID, or `all`; undefined: nobody's. */
  shownBy(filter: string): string | undefined {
    const level = filter.split('/')[this.#levels.length + 1] ?? '';
    const udid = isUdid(level) ? level : ANY;
    if (!filterMatches(filter, this.config(udid)) && !filterMatches(filter, this.state(udid)))
      return undefined;
    return udid === level ? udid : 'all';
  }
}
