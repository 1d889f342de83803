import type { DeviceView } from './nouns.js';
import { sortKey } from './sort-key.js';
import { statusOf } from './status.js';
import { versionKey } from './version.js';

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

/** What needs a person comes first. */
const URGENCY = { failed: 0, asks: 1, updating: 2, settled: 3 } as const;

type Key = string | number;

/** What a device is sorted by, so that `<` is the order. */
const KEY: Readonly<Record<SortKey, (device: DeviceView) => Key>> = {
  alias: ({ alias }) => sortKey(alias),
  platform: ({ platform }) => sortKey(platform ?? ''),
  version: ({ version }) => versionKey(version ?? ''),
  online: ({ online }) => (online ? 0 : 1),
  lastSeen: ({ lastSeen }) => -Date.parse(lastSeen),
  // Those that are nearly there first.
  update: (device) => URGENCY[statusOf(device)] * 1000 - (device.update?.progress ?? 0),
};

/** A device with what it is sorted by, made once for each of its records. */
interface Sorted {
  readonly device: DeviceView;
  readonly key: Key;
  readonly name: string;
}

const order = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0);

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

/** The rows of the table. It remembers those of the last time: sorting what is nearly in order is cheap. */
export class Rows {
  #last: readonly Sorted[] = [];
  #lastSort: SortKey | undefined;
  #lastDescending = false;
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
    const isSame = sort === this.#lastSort && descending === this.#lastDescending;
    const { rows, isInOrder } = isSame
      ? this.#kept(devices, sort)
      : { rows: [...devices.values()].map((device) => sorted(device, sort)), isInOrder: false };
    const sign = descending ? -1 : 1;
    if (!isInOrder)
      rows.sort(
        (a, b) => sign * order(a.key, b.key) || order(a.name, b.name) || order(a.device.udid, b.device.udid),
      );
    this.#last = rows;
    this.#lastSort = sort;
    this.#lastDescending = descending;
    return rows.map(({ device }) => device);
  }

  /** In the order of the last time, which is still right if nothing has changed that it goes by; the new ones at the end. */
  #kept(devices: ReadonlyMap<string, DeviceView>, sort: SortKey): { rows: Sorted[]; isInOrder: boolean } {
    const rows: Sorted[] = [];
    let isInOrder = true;
    for (const last of this.#last) {
      const device = devices.get(last.device.udid);
      if (!device) continue;
      const row = device === last.device ? last : sorted(device, sort);
      rows.push(row);
      isInOrder &&= row.key === last.key && row.name === last.name;
    }
    if (rows.length === devices.size) return { rows, isInOrder };
    const known = new Set(rows.map(({ device }) => device.udid));
    for (const [udid, device] of devices) if (!known.has(udid)) rows.push(sorted(device, sort));
    return { rows, isInOrder: false };
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

const sorted = (device: DeviceView, sort: SortKey): Sorted => ({
  device,
  key: KEY[sort](device),
  name: sortKey(device.alias),
});
