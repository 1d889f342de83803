import { isStoreFailure } from '../errors.js';
import { gathered, HISTORY_LENGTH, type HistoryEntry } from '../history.js';
import type { Clock, HistoryStore, Log } from '../ports.js';

/** So long are entries gathered; what a crash can lose. */
const GATHER_MS = 1000;
/** Devices whose entries are written in one step: what waits for the disk or the thread behind it waits little. */
const STEP = 128;
/** At the end nobody waits behind it. */
const LAST_STEP = 1024;
/** Entries that may wait while the store is away. */
const MOST_WAITING = 50_000;

type Waiting = Map<string, readonly HistoryEntry[]>;

function firstOf(waiting: Waiting, most: number): Waiting {
  const first: Waiting = new Map();
  for (const [udid, entries] of waiting) {
    if (first.size === most) break;
    first.set(udid, entries);
  }
  return first;
}

interface Parts {
  readonly store: HistoryStore;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What has happened to each device. Nobody waits for it to be written: entries are gathered in memory and written once a
 * second, in small steps. While the store is away they wait; past a bound those of the devices that have waited longest are
 * dropped.
 */
export class History {
  readonly #parts: Parts;
  #waiting: Waiting = new Map();
  /** Entries in `#waiting`. */
  #count = 0;
  #writing: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  /** Entries, since the store was there. */
  #dropped = 0;
  #isAway = false;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Takes note of what happened to a device. Costs next to nothing, and never throws. */
  note(udid: string, entry: HistoryEntry): void {
    this.#put(udid, gathered(this.#waiting.get(udid) ?? [], entry));
    this.#later();
  }

  /** A device is no more: what has not been written of it need not be. */
  forget(udid: string): void {
    this.#count -= this.#waiting.get(udid)?.length ?? 0;
    this.#waiting.delete(udid);
  }

  /** A device's history, the newest first; what other nodes have noted within the last second may be missing. */
  async list(udid: string): Promise<readonly HistoryEntry[]> {
    await this.#write(STEP, true);
    return this.#parts.store.list(udid);
  }

  /** Writes what waits, if the store is there, and gathers no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#write(LAST_STEP, false);
    if (this.#count > 0) this.#parts.log.warn({ entries: this.#count }, 'entries of histories are lost');
  }

  #put(udid: string, entries: readonly HistoryEntry[]): void {
    const kept = entries.slice(-HISTORY_LENGTH);
    this.#count += kept.length - (this.#waiting.get(udid)?.length ?? 0);
    this.#waiting.set(udid, kept);
    for (const [oldest, { length }] of this.#waiting) {
      if (this.#count <= MOST_WAITING) return;
      this.#dropped += length;
      this.forget(oldest);
    }
  }

  #later(): void {
    if (this.#isClosed) return;
    this.#cancel ??= this.#parts.clock.after(GATHER_MS, () => {
      this.#cancel = undefined;
      void this.#write(STEP, true);
    });
  }

  /** Resolves once all that was noted before has been written, or cannot be. Never rejects. */
  async #write(step: number, lazy: boolean): Promise<void> {
    // What is being written may have begun before the last note.
    await this.#writing;
    this.#writing ??= this.#all(step, lazy).finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #all(step: number, lazy: boolean): Promise<void> {
    const due = this.#waiting;
    this.#waiting = new Map();
    this.#count = 0;
    this.#cancel?.();
    this.#cancel = undefined;
    while (due.size > 0) {
      const some = firstOf(due, step);
      try {
        await this.#parts.store.append(some, lazy);
        this.#written();
      } catch (err) {
        if (isStoreFailure(err)) return this.#putBack(due, err);
        this.#parts.log.error({ err, devices: some.size }, 'histories cannot be written');
      }
      for (const udid of some.keys()) due.delete(udid);
    }
  }

  #written(): void {
    this.#isAway = false;
    if (this.#dropped === 0) return;
    this.#parts.log.warn(
      { entries: this.#dropped },
      'entries of histories were dropped while the store was away',
    );
    this.#dropped = 0;
  }

  /** To be written later, before what has come meanwhile. */
  #putBack(due: Waiting, err: unknown): void {
    if (!this.#isAway) this.#parts.log.warn({ err }, 'histories wait for the store');
    this.#isAway = true;
    const newer = this.#waiting;
    this.#waiting = new Map();
    this.#count = 0;
    for (const [udid, entries] of due) this.#put(udid, [...entries, ...(newer.get(udid) ?? [])]);
    for (const [udid, entries] of newer) if (!due.has(udid)) this.#put(udid, entries);
    this.#later();
  }
}
