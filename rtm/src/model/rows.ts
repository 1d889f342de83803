import type { DeviceView } from './nouns.js';
import { statusOf } from './status.js';
import { compareVersions } from './version.js';

/** What the table can be narrowed to. */
export type Show = 'all' | 'online' | 'offline' | 'asks' | 'updating' | 'failed';

export type SortKey = 'alias' | 'platform' | 'version' | 'online' | 'lastSeen' | 'update';

export interface Query {
  /** Words, all of which must be somewhere in what is known of a device. */
  readonly text: string;
  readonly show: Show;
  readonly version: string;
  readonly platform: string;
  readonly tag: string;
  readonly sort: SortKey;
  readonly descending: boolean;
}

export const EVERYTHING: Query = {
  text: '',
  show: 'all',
  version: '',
  platform: '',
  tag: '',
  sort: 'alias',
  descending: false,
};

/** How versions are named that no device has told. */
export const NO_VERSION = 'not told';

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
/** What needs a person comes first. */
const URGENCY = { failed: 0, asks: 1, updating: 2, settled: 3 } as const;

type Compare = (a: DeviceView, b: DeviceView) => number;

const text =
  (of: (device: DeviceView) => string | null): Compare =>
  (a, b) =>
    collator.compare(of(a) ?? '', of(b) ?? '');

const COMPARE: Readonly<Record<SortKey, Compare>> = {
  alias: text(({ alias }) => alias),
  platform: text(({ platform }) => platform),
  version: (a, b) => compareVersions(a.version ?? '', b.version ?? ''),
  online: (a, b) => Number(b.online) - Number(a.online),
  lastSeen: (a, b) => (a.lastSeen < b.lastSeen ? 1 : a.lastSeen > b.lastSeen ? -1 : 0),
  update: (a, b) =>
    URGENCY[statusOf(a)] - URGENCY[statusOf(b)] || (b.update?.progress ?? 0) - (a.update?.progress ?? 0),
};

const byName = COMPARE.alias;

function isShown(device: DeviceView, show: Show): boolean {
  switch (show) {
    case 'all':
      return true;
    case 'online':
      return device.online;
    case 'offline':
      return !device.online;
    default:
      return statusOf(device) === show;
  }
}

/** The rows of the table. It remembers the order of the last time: sorting what is nearly in order is cheap. */
export class Rows {
  #last: readonly string[] = [];
  #lastSort = '';
  /** A record is never altered, so what can be found in it is worked out once. */
  readonly #searchable = new WeakMap<DeviceView, string>();

  /** The devices that the query asks for, in its order. */
  select(devices: ReadonlyMap<string, DeviceView>, query: Query): readonly DeviceView[] {
    const all = this.#sorted(devices, query);
    const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter(
      (device) =>
        isShown(device, query.show) &&
        (query.version === '' || (device.version ?? NO_VERSION) === query.version) &&
        (query.platform === '' || device.platform === query.platform) &&
        (query.tag === '' || device.tags.includes(query.tag)) &&
        words.every((word) => this.#textOf(device).includes(word)),
    );
  }

  #sorted(devices: ReadonlyMap<string, DeviceView>, { sort, descending }: Query): DeviceView[] {
    const name = `${sort} ${descending}`;
    const before = name === this.#lastSort ? this.#last : [];
    const known = new Set(before);
    const list: DeviceView[] = [];
    for (const udid of before) {
      const device = devices.get(udid);
      if (device) list.push(device);
    }
    for (const [udid, device] of devices) if (!known.has(udid)) list.push(device);
    const compare = COMPARE[sort];
    const sign = descending ? -1 : 1;
    list.sort((a, b) => sign * compare(a, b) || byName(a, b) || (a.udid < b.udid ? -1 : 1));
    this.#last = list.map(({ udid }) => udid);
    this.#lastSort = name;
    return list;
  }

  #textOf(device: DeviceView): string {
    const known = this.#searchable.get(device);
    if (known !== undefined) return known;
    const { alias, udid, mac, platform, version, tags, why, update, status } = device;
    const made = [alias, udid, mac, platform, version, ...tags, why.sentence, update?.version, status]
      .join('\n')
      .toLowerCase();
    this.#searchable.set(device, made);
    return made;
  }
}
