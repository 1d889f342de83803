import { sha256 } from '../account.js';
import type { Device } from '../device.js';

const REDUNDANCY = 'redundancy:';
/** Past so many kinds of devices the first ones are taken by chance, which covers them nearly as well. */
const MOST_GROUPS = 500;

/** What kinds of device this one stands for: its platform, what it runs, each of its tags. */
export function groupsOf(device: Pick<Device, 'platform' | 'version' | 'tags'>): string[] {
  const tags = device.tags.filter((tag) => !tag.startsWith(REDUNDANCY));
  return [
    `platform ${device.platform ?? 'unknown'}`,
    `version ${device.version ?? 'unknown'}`,
    ...tags.map((tag) => `tag ${tag}`),
  ];
}

/** The names of what this device shares with others that must not be down at the same time. */
export const redundanciesOf = ({ tags }: Pick<Device, 'tags'>): string[] =>
  tags.filter((tag) => tag.startsWith(REDUNDANCY));

/** What of a device its place in the order rests on. */
export type Candidate = Pick<Device, 'udid' | 'platform' | 'version' | 'tags'>;

/**
 * The order in which devices are let in: first as few as it takes to have one of each kind, then all others by chance. Those that are
 * connected come before those that are not: one that is away stands for a kind only if nobody of it is connected. The same for the
 * same devices and the same seed.
 */
export function inOrder(
  candidates: readonly Candidate[],
  seed: string,
  isOnline: (udid: string) => boolean,
): string[] {
  const shuffled = candidates
    .map((device) => ({ device, key: sha256(seed + device.udid) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ device }) => device);
  const online = shuffled.filter(({ udid }) => isOnline(udid));
  const there = new Set(online);
  const offline = shuffled.filter((device) => !there.has(device));
  const missing = new Set(candidates.flatMap(groupsOf));
  const first = missing.size > MOST_GROUPS ? [] : [...cover(online, missing), ...cover(offline, missing)];
  const chosen = new Set(first);
  return [...first, ...[...online, ...offline].map(({ udid }) => udid).filter((udid) => !chosen.has(udid))];
}

/** Few devices that have one of each kind that is missing, as far as they go: each next one adds the most kinds. */
function cover(devices: readonly Candidate[], missing: Set<string>): string[] {
  const groups = new Map(devices.map((device) => [device, groupsOf(device)]));
  const chosen: string[] = [];
  while (missing.size > 0) {
    let best: Candidate | undefined;
    let most = 0;
    for (const [device, own] of groups) {
      const added = own.filter((group) => missing.has(group)).length;
      if (added <= most) continue;
      [best, most] = [device, added];
    }
    if (!best) break;
    for (const group of groups.get(best) ?? []) missing.delete(group);
    groups.delete(best);
    chosen.push(best.udid);
  }
  return chosen;
}
