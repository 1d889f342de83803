import type { Device } from '../device.js';
import { upperShare } from './statistics.js';

const MINUTE_MS = 60_000;
/** How many devices without the firmware are watched for comparison, and how often. */
const CONTROLS = 200;
const EVERY_MS = 5 * MINUTE_MS;
/** Devices that were away for days before are no comparison. */
const RECENT_MS = 2 * 24 * 60 * MINUTE_MS;

interface Parts {
  readonly read: (udid: string) => Promise<Device | undefined>;
  readonly isOnline: (udid: string) => boolean;
  /** How long a device may be silent before that is suspicious, ms. */
  readonly patienceWith: (device: Device) => number;
  /** It has been let in meanwhile. */
  readonly isIn: (udid: string) => boolean;
}

/** Devices without the firmware, for comparison: if they look as if it had broken them, it was not the firmware. */
export class Control {
  readonly #parts: Parts;
  #udids: readonly string[] = [];
  #last = { at: Number.NEGATIVE_INFINITY, share: 0 };

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Takes the last ones for comparison.
   * @param udids by chance: if they were those that are away now, they would hide what the firmware does
   */
  of(udids: readonly string[]): void {
    this.#udids = udids.slice(-CONTROLS);
  }

  /** The share of them that looks broken, at most so old, ms. 0 if there are too few to tell. */
  async share(now: number, oldestMs = EVERY_MS): Promise<number> {
    if (now - this.#last.at < oldestMs) return this.#last.share;
    const { read, isOnline, patienceWith, isIn } = this.#parts;
    let [silent, all] = [0, 0];
    for (const udid of this.#udids) {
      if (isIn(udid)) continue;
      const device = await read(udid);
      const silence = device && !isOnline(udid) ? now - device.lastSeen : 0;
      if (!device || silence > RECENT_MS) continue;
      all++;
      if (silence >= patienceWith(device)) silent++;
    }
    // A few of few is chance, and must not hide what the firmware does.
    const share = all >= CONTROLS / 4 ? upperShare(silent, all) : 0;
    this.#last = { at: now, share };
    return share;
  }
}
