import type { Device } from '../device.js';
import { type Firmware, mismatch } from '../firmware.js';
import type { Errands } from '../nodes/errands.js';
import type { Whereabouts } from '../nodes/whereabouts.js';
import type { Clock, DeviceStore } from '../ports.js';
import { isOpenQuestion } from '../update.js';
import type { Conversations } from './conversations.js';
import type { Desk } from './desk.js';
import { type Looked, looked } from './looked.js';

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
  readonly #whereabouts: Pick<Whereabouts, 'nodeOf'>;
  readonly #errands: Pick<Errands, 'ask'>;
  readonly #clock: Clock;

  constructor({ devices, desk, conversations, whereabouts, errands, clock }: Parts) {
    this.#devices = devices;
    this.#desk = desk;
    this.#conversations = conversations;
    this.#whereabouts = whereabouts;
    this.#errands = errands;
    this.#clock = clock;
  }

  /**
   * Looks at one device, wherever it is connected.
   * @param since see `Conversation.reconsider`
   * @returns undefined if there is no such device
   */
  async reconsider(udid: string, since?: number): Promise<Looked | undefined> {
    const node = this.#whereabouts.nodeOf(udid);
    const answer = node === undefined ? 'silent' : await this.#errands.ask(node, udid, since);
    return answer === 'silent' ? this.reconsiderHere(udid, since) : answer;
  }

  /** Looks at one device in this process. */
  async reconsiderHere(udid: string, since?: number): Promise<Looked | undefined> {
    return looked(await (this.#conversations.get(udid)?.reconsider(since) ?? this.#desk.consider(udid)));
  }

  /** Looks at every device that this firmware is meant for, and counts what came of it for this firmware. */
  async announce(firmware: Firmware): Promise<Announced> {
    const begun = this.#clock.now();
    let offered = 0;
    let asked = 0;
    await this.each(
      firmware.owner,
      (device) => mismatch(firmware, device) === undefined,
      async (before) => {
        const outcome = await this.reconsider(before.udid, begun);
        const isAbout = outcome?.firmware === firmware.id;
        if (isAbout && outcome.offered) offered++;
        const wasOpen = isOpenQuestion(before.update) && before.update.firmware === firmware.id;
        if (isAbout && outcome.kind === 'ask' && !wasOpen) asked++;
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

interface Parts {
  readonly devices: DeviceStore;
  readonly desk: Desk;
  readonly conversations: Conversations;
  readonly whereabouts: Pick<Whereabouts, 'nodeOf'>;
  readonly errands: Pick<Errands, 'ask'>;
  readonly clock: Clock;
}
