import { arrived, newDevice } from '../../../core/arrival.js';
import type { Device } from '../../../core/device.js';
import type { Firmware } from '../../../core/firmware.js';
import type { Grant } from '../../../core/rollouts/rollout.js';
import { downloaded, downloading, offered } from '../../../core/update.js';
import type { Random } from '../../simulator/random.js';
import type { Agenda } from './agenda.js';
import { Absences } from './natural.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TOKEN = '0'.repeat(64);

/** What the firmware does to a device that takes it. */
export interface Harm {
  /** The share of devices that it breaks, of those that it can break. */
  readonly share: number;
  readonly when: 'boot' | 'after an hour';
  /** It breaks devices of this platform only. */
  readonly platform?: string;
}

/** What simulated devices share. */
export interface Surroundings {
  readonly agenda: Agenda;
  readonly chance: Random;
  readonly firmware: Firmware;
  readonly harm: Harm;
  /** The share of time that a device is away by nature. */
  readonly flakiness: number;
  /** A record has changed. */
  readonly changed: (device: Device) => void;
}

/** One device with a rhythm of its own: connected all the time, or checking in now and then over HTTP. */
export class SimulatedDevice {
  record: Device;
  /** The firmware has broken it. */
  isDead = false;
  readonly #around: Surroundings;
  readonly #absences: Absences;
  /** How long it takes to come back, or how often it checks in, ms. */
  readonly #rhythmMs: number;
  readonly #isConnected: boolean;
  #isRestarting = false;

  constructor(
    owner: string,
    udid: string,
    platform: string,
    version: string,
    tags: readonly string[],
    around: Surroundings,
  ) {
    const { agenda, chance } = around;
    this.#around = around;
    this.#isConnected = chance() < 0.7;
    this.#rhythmMs = this.#isConnected ? (20 + chance() * 280) * SECOND : (5 + chance() * 55) * MINUTE;
    this.#absences = new Absences(chance, around.flakiness, agenda.now());
    const now = agenda.now();
    this.record = {
      ...newDevice(owner, udid, { platform, version, autoUpdate: true }, now),
      tags,
      rhythm: { silence: this.#rhythmMs, between: 12 * HOUR, returnedAt: now },
    };
  }

  /** Connected over MQTT now. */
  get isOnline(): boolean {
    return (
      this.#isConnected && !this.isDead && !this.#isRestarting && !this.#isAway(this.#around.agenda.now())
    );
  }

  /** Its record as it would be read now: who is not in the rollout is not followed step by step. */
  read(): Device {
    return { ...this.record, lastSeen: this.#lastSeen(this.#around.agenda.now()) };
  }

  /** It is let in: it is told when it is next there. */
  admit(grant: Grant): Device {
    this.record = { ...this.read(), grant };
    this.#around.agenda.at(this.#nextContact(this.#around.agenda.now()), () => this.#fetch());
    return this.record;
  }

  #fetch(): void {
    const { agenda, chance, firmware } = this.#around;
    const now = agenda.now();
    const told = offered(this.record.update, firmware, this.record.version, 'auto', TOKEN, now);
    this.#set({ lastSeen: now, update: downloading(told, now) });
    agenda.at(now + (20 + chance() * 100) * SECOND, () => this.#restart());
  }

  #restart(): void {
    const { agenda, chance, harm } = this.#around;
    const now = agenda.now();
    const { update } = this.record;
    this.#isRestarting = true;
    this.#set({ lastSeen: now, ...(update && { update: downloaded(update, now) }) });
    const isHit =
      (harm.platform === undefined || harm.platform === this.record.platform) && chance() < harm.share;
    if (isHit && harm.when === 'boot') {
      this.isDead = true;
      return;
    }
    if (isHit) agenda.at(now + HOUR, () => this.#die());
    agenda.at(this.#nextContact(now + this.#rhythmMs), () => this.#comeBack());
  }

  #die(): void {
    this.#set({ lastSeen: this.#lastSeen(this.#around.agenda.now()) });
    this.isDead = true;
  }

  #comeBack(): void {
    if (this.isDead) return;
    const { agenda, firmware } = this.#around;
    const now = agenda.now();
    this.#isRestarting = false;
    this.record = arrived(this.record, { version: firmware.version }, now);
    this.#around.changed(this.record);
    this.#follow(now);
  }

  /** Its comings and goings while it is watched. */
  #follow(now: number): void {
    const { agenda } = this.#around;
    const absence = this.#absences.after(now);
    if (!this.#isConnected) agenda.at(this.#nextContact(now + this.#rhythmMs), () => this.#checkIn());
    else {
      agenda.at(absence.from, () => this.#set({ lastSeen: agenda.now() }));
      agenda.at(absence.until, () => this.#checkIn());
    }
  }

  #checkIn(): void {
    if (this.isDead) return;
    const now = this.#around.agenda.now();
    this.#set({ lastSeen: now });
    this.#follow(now + 1);
  }

  #set(change: Partial<Device>): void {
    if (this.isDead) return;
    this.record = { ...this.record, ...change };
    this.#around.changed(this.record);
  }

  #isAway(time: number): boolean {
    const { from, until } = this.#absences.after(time);
    return time >= from && time < until;
  }

  /** When it can next be spoken to: now if it is connected, at its next check-in, or when it is back. */
  #nextContact(time: number): number {
    const { from, until } = this.#absences.after(time);
    const back = time >= from ? until : time;
    return this.#isConnected ? back : back + this.#around.chance() * this.#rhythmMs;
  }

  #lastSeen(time: number): number {
    if (this.isDead || this.#isRestarting) return this.record.lastSeen;
    const { from } = this.#absences.after(time);
    const there = Math.min(time, from);
    return this.#isConnected ? there : Math.max(this.record.lastSeen, there - this.#rhythmMs / 2);
  }
}
