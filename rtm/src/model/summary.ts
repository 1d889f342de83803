import type { DeviceView, FirmwareView, UpdateState } from './nouns.js';
import { NO_VERSION } from './rows.js';
import { statusOf } from './status.js';
import { compareVersions } from './version.js';

/** The fleet in numbers. */
export interface Summary {
  readonly all: number;
  readonly online: number;
  readonly offline: number;
  readonly asks: number;
  readonly updating: number;
  readonly failed: number;
  /** Most frequent first. */
  readonly versions: readonly Share[];
  readonly platforms: readonly string[];
  readonly tags: readonly string[];
}

export interface Share {
  readonly name: string;
  readonly count: number;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Counts a fleet in one walk. */
export function summarise(devices: Iterable<DeviceView>): Summary {
  const versions = new Map<string, number>();
  const platforms = new Set<string>();
  const tags = new Set<string>();
  const counts = { asks: 0, updating: 0, failed: 0, settled: 0 };
  let all = 0;
  let online = 0;
  for (const device of devices) {
    all++;
    if (device.online) online++;
    counts[statusOf(device)]++;
    const version = device.version ?? NO_VERSION;
    versions.set(version, (versions.get(version) ?? 0) + 1);
    if (device.platform !== null) platforms.add(device.platform);
    for (const tag of device.tags) tags.add(tag);
  }
  return {
    all,
    online,
    offline: all - online,
    asks: counts.asks,
    updating: counts.updating,
    failed: counts.failed,
    versions: [...versions]
      .map(([name, count]) => ({ name, count }))
      .sort((a, b) => b.count - a.count || compareVersions(b.name, a.name)),
    platforms: [...platforms].sort(collator.compare),
    tags: [...tags].sort(collator.compare),
  };
}

/** How far a release is. */
export interface Release {
  readonly version: string;
  readonly devices: number;
  readonly states: Readonly<Partial<Record<UpdateState, number>>>;
  /** Percent of the bodies that all devices have to take, those that are done counted whole. */
  readonly progress: number;
  /** When each device that has it came back with it, ms since the epoch, in order. */
  readonly installedAt: readonly number[];
  /** When it was published first, ms since the epoch. */
  readonly since: number;
}

/**
 * The version that was published last and concerns at least one device; undefined if none does. Published for several
 * platforms it is one release, as it is one question: what each of them is called is its version.
 */
export function currentRelease(
  devices: Iterable<DeviceView>,
  firmware: ReadonlyMap<string, FirmwareView>,
): Release | undefined {
  const concerned = new Map<string, DeviceView[]>();
  for (const device of devices) {
    const id = device.update?.firmware;
    if (id === undefined) continue;
    const list = concerned.get(id);
    if (list) list.push(device);
    else concerned.set(id, [device]);
  }
  // Of two that were published at once the same is chosen each time.
  const published = [...firmware.values()]
    .filter(({ id }) => concerned.has(id))
    .sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || (a.id < b.id ? 1 : -1));
  const [newest] = published;
  if (!newest) return undefined;
  const same = published.filter(({ version }) => version === newest.version);
  return releaseOf(
    same,
    same.flatMap(({ id }) => concerned.get(id) ?? []),
  );
}

/** @param published newest first */
function releaseOf(published: readonly FirmwareView[], devices: readonly DeviceView[]): Release {
  const states: Partial<Record<UpdateState, number>> = {};
  const installedAt: number[] = [];
  let percent = 0;
  for (const { update } of devices) {
    if (!update) continue;
    states[update.state] = (states[update.state] ?? 0) + 1;
    percent += update.progress;
    if (update.state === 'installed') installedAt.push(Date.parse(update.since));
  }
  return {
    version: published[0]?.version ?? '',
    devices: devices.length,
    states,
    progress: devices.length === 0 ? 0 : percent / devices.length,
    installedAt: installedAt.sort((a, b) => a - b),
    since: Date.parse(published.at(-1)?.createdAt ?? ''),
  };
}
