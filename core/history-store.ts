import type { HistoryEntry } from './history.js';

/** What has happened to devices. A device's history goes with it, in the step in which `DeviceStore.remove` removes it. */
export interface HistoryStore {
  /**
   * Adds what happened to devices, the oldest first, as `extended` in history.ts does, and drops the oldest of more than
   * `HISTORY_LENGTH`. Leaves out devices that are no more.
   * @param lazy nobody waits for it: the store may hold it back for some ms, to write more at once
   */
  append(entries: ReadonlyMap<string, readonly HistoryEntry[]>, lazy?: boolean): Promise<void>;
  /** A device's history, the newest first. */
  list(udid: string): Promise<readonly HistoryEntry[]>;
}

/** A device's whole history, the oldest entry first. */
export interface DeviceHistory {
  readonly udid: string;
  readonly entries: readonly HistoryEntry[];
}
