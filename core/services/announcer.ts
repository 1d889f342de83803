import type { Device } from '../device.js';
import { type Firmware, mismatch } from '../firmware.js';
import type { DeviceStore } from '../ports.js';
import { isOpenQuestion } from '../update.js';
import type { Conversations } from './conversations.js';
import type { Desk, Outcome } from './desk.js';

/**
 * How many devices are looked at together: what is written together shares one wait for the disk. More would cost memory,
 * and hold up everybody else for longer.
 */
const BATCH = 500;

/** How many devices were told of a firmware, and how many owners' questions it opened. */
export interface Announced {
  readonly offered: number;
  readonly asked: number;
}

/** Looks at devices because something changed, and tells at once those that are connected. */
export class Announcer {
  readonly #devices: DeviceStore;
  readonly #desk: Desk;
  readonly #conversations: Conversations;

  constructor(devices: DeviceStore, desk: Desk, conversations: Conversations) {
    this.#devices = devices;
    this.#desk = desk;
    this.#conversations = conversations;
  }

  /** Looks at one device. */
  reconsider(udid: string): Promise<Outcome | undefined> {
    return this.#conversations.get(udid)?.reconsider() ?? this.#desk.consider(udid);
  }

  /** Looks at every device that this firmware is meant for, and counts what came of it for this firmware. */
  async announce(firmware: Firmware): Promise<Announced> {
    let offered = 0;
    let asked = 0;
    await this.each(
      firmware.owner,
      (device) => mismatch(firmware, device) === undefined,
      async (before) => {
        const outcome = await this.reconsider(before.udid);
        const isAbout = outcome?.decision.firmware?.id === firmware.id;
        if (isAbout && outcome.offer) offered++;
        const wasOpen = isOpenQuestion(before.update) && before.update.firmware === firmware.id;
        if (isAbout && outcome.decision.kind === 'ask' && !wasOpen) asked++;
      },
    );
    return { offered, asked };
  }

  /**
   * Does something for every device of an owner that the condition holds for, many at a time. One that fails holds up no
   * other; the first failure is thrown at the end.
   */
  async each(
    owner: string,
    concerns: (device: Device) => boolean,
    action: (device: Device) => Promise<void>,
  ): Promise<void> {
    const failures: unknown[] = [];
    const failed = (error: unknown): void => void failures.push(error);
    let before: Promise<unknown> = Promise.resolve();
    let batch: Promise<void>[] = [];
    for await (const device of this.#devices.all(owner)) {
      if (!concerns(device)) continue;
      batch.push(action(device).catch(failed));
      if (batch.length < BATCH) continue;
      // While this batch waits for the disk the next one is looked at, but no more than one.
      await before;
      before = Promise.all(batch);
      batch = [];
    }
    await Promise.all([before, ...batch]);
    if (failures.length > 0) throw failures[0];
  }
}
