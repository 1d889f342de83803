import { FirmwireError } from '../../core/errors.js';
import type { Page } from '../../core/ports.js';
import type { Rollout, RolloutEntry } from '../../core/rollouts/rollout.js';

/** What rollouts and their logs are on every storage: which change may be made, and what a page of a log is. */

/** True if `after` was made of `before`, and nobody has changed that meanwhile. */
export const follows = (before: Rollout | undefined, after: Rollout): boolean =>
  after.revision === (before?.revision ?? 0) + 1;

/** Lines under the owners to whose logs they belong, each in its order. */
export function byOwner(entries: readonly RolloutEntry[]): ReadonlyMap<string, readonly RolloutEntry[]> {
  const logs = new Map<string, RolloutEntry[]>();
  for (const entry of entries) {
    const log = logs.get(entry.owner);
    if (log) log.push(entry);
    else logs.set(entry.owner, [entry]);
  }
  return logs;
}

/** The place of a line in its log as a number that is exact. */
const PLACE = /^\d{1,15}$/;

/**
 * How many lines of a log the pages before have shown.
 * @param after the `next` of the page before
 * @throws FirmwireError `field_invalid` if it is none
 */
export function shownBefore(after: string | undefined): number {
  if (after === undefined) return 0;
  if (!PLACE.test(after))
    throw new FirmwireError('field_invalid', '"after" has to be the "next" of the page before.');
  return Number(after);
}

/** A page of a log. @param found its lines, and one more if there is one; @param shown as `shownBefore` */
export function logPage(found: readonly RolloutEntry[], limit: number, shown: number): Page<RolloutEntry> {
  const items = found.slice(0, limit);
  // A log only grows: its n-th line is always the same one.
  return { items, next: found.length > limit ? String(shown + items.length) : undefined };
}
