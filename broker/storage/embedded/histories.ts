import { extended, HISTORY_LENGTH, type HistoryEntry, parted } from '../../../core/history.js';
import type { DeviceHistory, HistoryStore } from '../../../core/ports.js';
import type { HistoryArchive } from '../archive.js';
import type { DeviceRecords } from './device-records.js';
import type { Environment } from './environment.js';
import type { Sequence } from './sequence.js';
import type { Table } from './table.js';

/**
 * The histories of devices: what may still change, a few lines, under the UDID; what will not, a key for each line. So a
 * check-in writes some hundred bytes, however long the history is. What writes is only for `Environment.write`.
 */
export class Histories {
  private readonly open: Table<readonly HistoryEntry[]>;
  private readonly closed: Sequence<HistoryEntry>;

  constructor(environment: Environment) {
    this.open = environment.table('history-open');
    this.closed = environment.sequence('history');
  }

  list(udid: string): readonly HistoryEntry[] {
    const open = this.open.get(udid) ?? [];
    return [...open.toReversed(), ...this.closed.newest(udid)].slice(0, HISTORY_LENGTH);
  }

  append(udid: string, entries: readonly HistoryEntry[]): void {
    const { open, closed } = extended(this.open.get(udid) ?? [], entries);
    this.open.put(udid, open);
    if (closed.length > 0) this.closed.add(udid, closed, HISTORY_LENGTH);
  }

  restore({ udid, entries }: DeviceHistory): void {
    const { open, closed } = parted(entries);
    this.remove(udid);
    this.open.put(udid, open);
    this.closed.add(udid, closed, HISTORY_LENGTH);
  }

  remove(udid: string): void {
    this.open.remove(udid);
    this.closed.clear(udid);
  }
}

/** Histories on LMDB. */
export const historyStore = (
  environment: Environment,
  histories: Histories,
  devices: DeviceRecords,
): HistoryStore & HistoryArchive => ({
  append(entries, lazy) {
    return environment.write(() => {
      for (const [udid, added] of entries) if (devices.has(udid)) histories.append(udid, added);
    }, lazy);
  },

  async list(udid) {
    return histories.list(udid);
  },

  restore: (history) => environment.write(() => histories.restore(history)),
});
