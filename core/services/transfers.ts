import type { Peers } from '../nodes/peers.js';

/** One download that is under way. */
export interface Transfer {
  readonly udid: string;
  /** Percent of the body that has left. */
  progress: number;
  /** Cuts its connection. */
  readonly abort: () => void;
}

/** The downloads under way, on all nodes at most one per device (wire.md 6: the newer wins, the older is cut). */
export class Transfers {
  readonly #peers: Pick<Peers, 'facts' | 'tell'>;
  readonly #byDevice = new Map<string, Transfer>();
  readonly #idle = new Set<() => void>();

  constructor(peers: Pick<Peers, 'facts' | 'tell'>) {
    this.#peers = peers;
  }

  /** Registers a transfer of this process; one that this device already had, on whichever node, is cut. */
  begin(transfer: Transfer): void {
    const { udid, progress } = transfer;
    if (this.#peers.facts.elsewhere('transfer', udid)) this.#peers.tell({ kind: 'cut-transfer', udid });
    const older = this.#byDevice.get(udid);
    this.#byDevice.set(udid, transfer);
    this.#peers.facts.set('transfer', udid, progress);
    older?.abort();
  }

  /** It has got as far as this, percent. */
  advance(transfer: Transfer, progress: number): void {
    transfer.progress = progress;
    if (this.#byDevice.get(transfer.udid) === transfer)
      this.#peers.facts.set('transfer', transfer.udid, progress);
  }

  /** Forgets a transfer that ended; one that was replaced has been forgotten already. */
  end(transfer: Transfer): void {
    if (this.#byDevice.get(transfer.udid) === transfer) {
      this.#byDevice.delete(transfer.udid);
      this.#peers.facts.unset('transfer', transfer.udid);
    }
    if (this.#byDevice.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  /** Cuts the device's download, if it has one. */
  cut(udid: string): void {
    this.cutHere(udid);
    if (this.#peers.facts.elsewhere('transfer', udid)) this.#peers.tell({ kind: 'cut-transfer', udid });
  }

  /** Cuts the device's download, if it has one in this process. */
  cutHere(udid: string): void {
    this.#byDevice.get(udid)?.abort();
  }

  /** How many are under way in this process. */
  get count(): number {
    return this.#byDevice.size;
  }

  progressOf(udid: string): number | undefined {
    return this.#byDevice.get(udid)?.progress ?? this.#peers.facts.elsewhere('transfer', udid)?.value;
  }

  isActive(udid: string): boolean {
    return this.#byDevice.has(udid) || this.#peers.facts.elsewhere('transfer', udid) !== undefined;
  }

  /** Resolves when no download is under way in this process: at once if there is none. */
  idle(): Promise<void> {
    if (this.#byDevice.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.add(resolve));
  }
}
