import type { UpdateState } from './update.js';

/** What happens to a device, as its history keeps it. */
export type HistoryEvent = UpdateState | 'postponed' | 'created' | 'checkin' | 'checkout' | 'refused';

/** One line of a device's history. Times are milliseconds since the epoch. */
export interface HistoryEntry {
  readonly event: HistoryEvent;
  /** When it happened; of several that are one entry, the last. */
  readonly at: number;
  /** When the first of several happened. */
  readonly since?: number;
  /** How often it happened; absent: once. 0: no further time, but more is known of the last one. */
  readonly count?: number;
  readonly version?: string;
  readonly firmware?: string;
  /** Percent of the body that had left when a download ended before its time. */
  readonly progress?: number;
  readonly error?: string;
}

/** Entries that are kept of each device. */
export const HISTORY_LENGTH = 100;

/** Routine of which there is one entry at a time for each version. A device that checks in for ever fills no history. */
const MOST_OPEN = 6;

const isRoutine = ({ event }: HistoryEntry): boolean => event === 'checkin' || event === 'checkout';

/** What a device does over and over; the first attempt to download, or to fetch what is too large, is news all the same. */
const isRepeated = (entry: HistoryEntry): boolean =>
  isRoutine(entry) || entry.event === 'downloading' || entry.event === 'refused';

const isSame = (a: HistoryEntry, b: HistoryEntry): boolean =>
  a.event === b.event && a.version === b.version && (isRoutine(a) || a.firmware === b.firmware);

/** Both as one entry. */
function together(entry: HistoryEntry, next: HistoryEntry): HistoryEntry {
  const count = (entry.count ?? 1) + (next.count ?? 1);
  const since = Math.min(entry.since ?? entry.at, next.since ?? next.at);
  const at = Math.max(entry.at, next.at);
  // How far the attempt before got is no news any more.
  const { event, version, firmware, progress, error } = next;
  return {
    event,
    at,
    ...(since < at && { since }),
    ...(count !== 1 && { count }),
    ...(version !== undefined && { version }),
    ...(firmware !== undefined && { firmware }),
    ...(progress !== undefined && { progress }),
    ...(error !== undefined && { error }),
  };
}

/** A history that goes on. */
export interface Extended {
  /** What may still become one entry with what follows, oldest first. */
  readonly open: readonly HistoryEntry[];
  /** What will not change any more, oldest first: comes before `open`. */
  readonly closed: readonly HistoryEntry[];
}

/**
 * Adds entries to the open end of a history. Between two pieces of news all check-ins with one version are one entry, and
 * so are all check-outs, and all attempts to download one firmware: else those of a day would push out the failures of last
 * week.
 */
export function extended(open: readonly HistoryEntry[], entries: readonly HistoryEntry[]): Extended {
  const held = [...open];
  const closed: HistoryEntry[] = [];
  for (const entry of entries) {
    const at = isRepeated(entry) ? held.findIndex((other) => isSame(other, entry)) : -1;
    const other = held[at];
    if (other) {
      held.splice(at, 1);
      held.push(together(other, entry));
      continue;
    }
    // It says more about what is not there, or not the last any more.
    if (entry.count === 0) continue;
    if (!isRoutine(entry)) closed.push(...held.splice(0));
    if (isRepeated(entry)) held.push(entry);
    else closed.push(entry);
    if (held.length > MOST_OPEN) closed.push(...held.splice(0, 1));
  }
  return { open: held, closed };
}

/** A whole history, oldest first, as what may go on and what may not. What was open before a download began may be either. */
export function parted(entries: readonly HistoryEntry[]): Extended {
  let from = entries.length;
  for (let entry = entries[from - 1]; entry && isRepeated(entry); entry = entries[from - 1]) {
    const others = entries.slice(from);
    if (others.length === MOST_OPEN || others.some((other) => isSame(entry as HistoryEntry, other))) break;
    from -= 1;
    if (!isRoutine(entry)) break;
  }
  return { open: entries.slice(from), closed: entries.slice(0, from) };
}

/** What waits to be added, with one more: the same twice in a row is one entry already. */
export function gathered(waiting: readonly HistoryEntry[], entry: HistoryEntry): readonly HistoryEntry[] {
  const last = waiting.at(-1);
  if (!last || !isRepeated(entry) || !isSame(last, entry)) return [...waiting, entry];
  return [...waiting.slice(0, -1), together(last, entry)];
}
