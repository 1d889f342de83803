/** One download that is under way. */
export interface Transfer {
  readonly udid: string;
  /** Percent of the body that has left. */
  progress: number;
  /** Cuts its connection. */
  readonly abort: () => void;
}

/** The downloads under way in this process, at most one per device (wire.md 6: the newer wins, the older is cut). */
export class Transfers {
  readonly #byDevice = new Map<string, Transfer>();
  readonly #idle = new Set<() => void>();

  /** Registers a transfer; one that this device already had is cut. */
  begin(transfer: Transfer): void {
    const older = this.#byDevice.get(transfer.udid);
    this.#byDevice.set(transfer.udid, transfer);
    older?.abort();
  }

  /** Forgets a transfer that ended; one that was replaced has been forgotten already. */
  end(transfer: Transfer): void {
    if (this.#byDevice.get(transfer.udid) === transfer) this.#byDevice.delete(transfer.udid);
    if (this.#byDevice.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  /** Cuts the device's download, if it has one. */
  cut(udid: string): void {
    this.#byDevice.get(udid)?.abort();
  }

  progressOf(udid: string): number | undefined {
    return this.#byDevice.get(udid)?.progress;
  }

  isActive(udid: string): boolean {
    return this.#byDevice.has(udid);
  }

  /** Resolves when no download is under way: at once if there is none. */
  idle(): Promise<void> {
    if (this.#byDevice.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.add(resolve));
  }
}
