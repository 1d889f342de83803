import { sha256 } from '../account.js';
import type { Device } from '../device.js';

const REDUNDANCY = 'redundancy:';
/** Kinds times devices: past so many steps the first ones are taken by chance, which covers them nearly as well. */
const MOST_STEPS = 2_000_000;

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

/** By chance, and always the same for the same devices and the same seed. */
export const byChance = (candidates: readonly Candidate[], seed: string): Candidate[] =>
  candidates
    .map((device) => ({ device, key: sha256(seed + device.udid) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ device }) => device);

/**
 * The order in which devices are let in now: first as few as it takes to have one of each kind that nobody has tried, then all others as
 * they stand. Those that are connected come before those that are not: one that is away stands for a kind only if nobody
 * of it is connected.
 * @param tried the kinds of those that are in already
 */
export function inOrder(
  candidates: readonly Candidate[],
  tried: ReadonlySet<string>,
  isOnline: (udid: string) => boolean,
): Candidate[] {
  const [online, offline]: [Candidate[], Candidate[]] = [[], []];
  for (const device of candidates) (isOnline(device.udid) ? online : offline).push(device);
  const missing = new Set(candidates.flatMap(groupsOf).filter((group) => !tried.has(group)));
  const isTooMuch = missing.size * candidates.length > MOST_STEPS;
  const first = isTooMuch ? [] : [...cover(online, missing), ...cover(offline, missing)];
  const chosen = new Set(first);
  return [...first, ...[...online, ...offline].filter((device) => !chosen.has(device))];
}

/** Few devices that have one of each kind that is missing, as far as they go: each next one adds the most kinds. */
function cover(devices: readonly Candidate[], missing: Set<string>): Candidate[] {
  const groups = new Map(devices.map((device) => [device, groupsOf(device)]));
  const chosen: Candidate[] = [];
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
    chosen.push(best);
  }
  return chosen;
}
