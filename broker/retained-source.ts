import { setImmediate } from 'node:timers/promises';
import type { Device } from '../core/device.js';
import type { Headcount } from '../core/headcount.js';
import type { LimitWatch } from '../core/limits.js';
import { noticeOf, noticePayload } from '../core/notice.js';
import { pagesOf } from '../core/pages.js';
import type { DeviceStore } from '../core/ports.js';
import type { HomeAssistantFeed } from '../core/services/home-assistant-feed.js';
import type { OwnerFeed, Seen } from '../core/services/owner-feed.js';
import {
  filterMatches,
  filterReaches,
  firmwareTopic,
  isUdid,
  literalPrefix,
  noticeTopic,
  readTopic,
  rolloutTopic,
  serverTopic,
  stateTopic,
} from '../core/topics.js';
import { type ServerView, viewDevice } from '../core/view.js';
import type { RetainedMessage, RetainedSource, RetainedStore, Subscriber } from './retained.js';

/** How many retained messages of their own an owner may have. */
export interface RetainedQuota {
  readonly kept: Headcount;
  readonly watch: LimitWatch;
}

/** So many records are read at a time. Of 500 the first are old, to V8, when the last are told: a sixth more CPU. */
const DEVICES_AT_ONCE = 100;

/** The topics whose retained messages are the application's own and are kept. */
const KEPT: ReadonlySet<string> = new Set(['status', 'application', 'shared']);

/**
 * Retained messages of two kinds. The application's own are stored. Ours, `/<owner>/rtm/firmware/...`, `.../devices/...` and
 * `.../notices/...`, follow from the records at the moment somebody subscribes, so that they cannot differ from the truth
 * after a crash, and a release to 10,000 devices stores no 10,000 messages.
 */
export class FirmwireRetained implements RetainedSource {
  readonly #store: RetainedStore;
  readonly #devices: DeviceStore;
  readonly #feed: OwnerFeed;
  readonly #known: () => Promise<void>;
  readonly #server: () => ServerView | undefined;
  readonly #quota: RetainedQuota | undefined;

  /**
   * @param known resolves once all nodes know who listens here: what is read before that may change without a word, for
   *   owners whom nobody is known to hear are told nothing
   * @param server what owners are told of the server itself, once it can be told
   * @param quota absent: owners keep as many as they like
   */
  constructor(
    store: RetainedStore,
    devices: DeviceStore,
    feed: OwnerFeed,
    known: () => Promise<void> = async () => {},
    server: () => ServerView | undefined = () => undefined,
    quota?: RetainedQuota,
  ) {
    this.#store = store;
    this.#devices = devices;
    this.#feed = feed;
    this.#known = known;
    this.#server = server;
    this.#quota = quota;
  }

  async store(message: RetainedMessage): Promise<void> {
    if (!KEPT.has(readTopic(message.topic).kind)) return;
    const { topic, payload } = message;
    const [, owner = ''] = topic.split('/', 2);
    if (payload.length === 0) await this.#store.remove(topic);
    else if (!this.#quota) await this.#store.put(message);
    else await this.#putWithin(this.#quota, owner, message);
  }

  /** What is over the quota is passed on, and not kept for who comes later. */
  async #putWithin({ kept, watch }: RetainedQuota, owner: string, message: RetainedMessage): Promise<void> {
    const isNew = (await this.#store.get(message.topic)) === undefined;
    if (isNew && (await kept.isFull(owner))) {
      watch.reached('retained', { owner: owner.slice(0, 8) });
      return;
    }
    await this.#store.put(message);
    if (isNew) kept.changed(owner, 1);
  }

  async *matching(subscriber: Subscriber): AsyncIterable<Iterable<RetainedMessage>> {
    const filters = subscriber.granted.map(({ topic }) => topic);
    const { owner, udid } = subscriber.session.identity;
    const roots = udid === undefined ? [`/${owner}/`] : [`/${owner}/${udid}/`, `/${owner}/shared/`];
    const seen = new Set<string>();
    for (const filter of filters) {
      const prefix = literalPrefix(filter);
      if (prefix === filter) {
        const found = this.#named(filter);
        const message = found instanceof Promise ? await found : found;
        if (!message || seen.has(filter)) continue;
        seen.add(filter);
        yield [message];
        continue;
      }
      for await (const message of this.#under(prefix, roots)) {
        if (seen.has(message.topic) || !filterMatches(filter, message.topic)) continue;
        seen.add(message.topic);
        yield [message];
      }
    }
    if (subscriber.session.identity.scope !== 'owner') return;
    await this.#known();
    yield* this.derived(subscriber);
  }

  async *derived({ session: { identity }, granted }: Subscriber): AsyncIterable<Iterable<RetainedMessage>> {
    if (identity.scope !== 'owner' || identity.udid !== undefined) return;
    yield* this.#derived(
      identity.owner,
      granted.map(({ topic }) => topic),
    );
  }

  /** The one message that a filter without wildcards can mean. */
  #named(topic: string): ReturnType<RetainedStore['get']> {
    return KEPT.has(readTopic(topic).kind) ? this.#store.get(topic) : undefined;
  }

  /** What is worth reading for a filter that begins with `prefix`: what lies in the subscriber's own tree. */
  async *#under(prefix: string, roots: readonly string[]): AsyncIterable<RetainedMessage> {
    for (const root of roots) {
      if (!prefix.startsWith(root) && !root.startsWith(prefix)) continue;
      yield* this.#store.withPrefix(prefix.length > root.length ? prefix : root);
    }
  }

  async *#derived(owner: string, filters: readonly string[]): AsyncIterable<Iterable<RetainedMessage>> {
    const isWanted = matcherOf(filters);
    // Firmware first: whoever reads a device's state knows by then what it is about.
    yield* this.#firmwareFor(owner, filters, isWanted);
    yield* this.#rolloutsFor(owner, filters, isWanted);
    for await (const devices of this.#devicesFor(owner, filters)) {
      yield this.#of(devices, await this.#feed.looker(owner), isWanted);
      // Others have their turn, also where nothing of all this is wanted.
      await setImmediate();
    }
    // Last, so that it ends the listing: what a page showed before and was not told again is no more.
    const topic = serverTopic(owner);
    const server = isWanted(topic) ? this.#server() : undefined;
    if (server) yield [told(topic, JSON.stringify(server))];
  }

  /** What follows from these records. */
  *#of(devices: readonly Device[], look: Look, isWanted: IsWanted): Iterable<RetainedMessage> {
    const { homeAssistant } = this.#feed;
    for (const device of devices) {
      const { owner, udid } = device;
      const notice = noticeOf(device);
      const onNotice = noticeTopic(owner, udid);
      if (notice && isWanted(onNotice)) yield told(onNotice, noticePayload(notice));
      const onState = stateTopic(owner, udid);
      if (isWanted(onState)) {
        const { decision, live } = look(device);
        yield told(onState, JSON.stringify(viewDevice(device, decision, live)));
      }
      if (homeAssistant) yield* this.#entity(device, homeAssistant, look, isWanted);
    }
  }

  /** What Home Assistant is shown of a device. */
  *#entity(
    device: Device,
    homeAssistant: HomeAssistantFeed,
    look: Look,
    isWanted: IsWanted,
  ): Iterable<RetainedMessage> {
    const { owner, udid } = device;
    const config = homeAssistant.topics.config(udid);
    if (isWanted(config)) yield { ...told(config, homeAssistant.discovery(device)), owner };
    const state = homeAssistant.topics.state(udid);
    if (isWanted(state)) {
      const { decision, live } = look(device);
      yield { ...told(state, homeAssistant.state(device, decision, live)), owner };
    }
  }

  async *#firmwareFor(
    owner: string,
    filters: readonly string[],
    isWanted: IsWanted,
  ): AsyncIterable<Iterable<RetainedMessage>> {
    if (!filters.some((filter) => filterReaches(filter, ['', owner, 'rtm', 'firmware']))) return;
    for (const firmware of await this.#feed.firmwareOf(owner)) {
      const topic = firmwareTopic(owner, firmware.id);
      if (isWanted(topic)) yield [told(topic, JSON.stringify(firmware))];
    }
  }

  async *#rolloutsFor(
    owner: string,
    filters: readonly string[],
    isWanted: IsWanted,
  ): AsyncIterable<Iterable<RetainedMessage>> {
    if (!filters.some((filter) => filterReaches(filter, ['', owner, 'rtm', 'rollouts']))) return;
    for (const rollout of await this.#feed.rolloutsOf(owner)) {
      const topic = rolloutTopic(owner, rollout.id);
      if (isWanted(topic)) yield [told(topic, JSON.stringify(rollout))];
    }
  }

  /** The devices about which these filters can bring anything; one device where a filter names it. */
  async *#devicesFor(owner: string, filters: readonly string[]): AsyncIterable<readonly Device[]> {
    const rtm = filters.filter(
      (filter) =>
        filterReaches(filter, ['', owner, 'rtm', 'devices']) ||
        filterReaches(filter, ['', owner, 'rtm', 'notices']),
    );
    const { homeAssistant } = this.#feed;
    const shown = homeAssistant
      ? filters.flatMap((filter) => homeAssistant.topics.shownBy(filter) ?? [])
      : [];
    const named = [...rtm.map((filter) => filter.split('/')[4] ?? ''), ...shown];
    if (named.some((level) => !isUdid(level))) {
      yield* pagesOf((after) => this.#devices.list(owner, DEVICES_AT_ONCE, after));
      return;
    }
    for (const udid of new Set(named)) {
      const device = await this.#devices.get(udid);
      if (device?.owner === owner) yield [device];
    }
  }
}

type IsWanted = (topic: string) => boolean;
type Look = (device: Device) => Seen;

/** A message that follows from a record. */
const told = (topic: string, text: string): RetainedMessage => ({
  topic,
  payload: Buffer.from(text),
  qos: 1,
  derived: true,
});

/** Somebody may subscribe to a topic of every device at once: those without wildcards are looked up. */
function matcherOf(filters: readonly string[]): IsWanted {
  const exact = new Set(filters);
  const patterns = filters.filter((filter) => /[+#]/.test(filter));
  return (topic) => exact.has(topic) || patterns.some((pattern) => filterMatches(pattern, topic));
}
