import { arrived } from '../../core/arrival.js';
import { decideUpdate } from '../../core/decide.js';
import type { Device } from '../../core/device.js';
import type { Firmware } from '../../core/firmware.js';
import { Conductor, type Crowd } from '../../core/rollouts/conductor.js';
import type { Happening } from '../../core/rollouts/engine.js';
import { isCandidate } from '../../core/rollouts/filter.js';
import { returned } from '../../core/rollouts/rhythm.js';
import { type Grant, isLive, type Rollout, stagingOf } from '../../core/rollouts/rollout.js';
import * as arrows from '../../core/update.js';
import { aFirmware, MINUTE } from './builders.js';
import { FakeClock } from './fake-clock.js';

const POLICY = { maxAttempts: 3, requireSignature: false, retryMs: MINUTE };

/** A device was let in. */
export interface Admission {
  readonly udid: string;
  readonly at: number;
  readonly stage: number;
  /** The rollout as it was stored then. */
  readonly rollout: Rollout;
}

/**
 * A rollout with its devices, without a server: records, presence and the stored rollout, and the real engine on them. What devices do
 * and are told goes through the same functions as in the server.
 */
export class RolloutWorld implements Crowd {
  readonly clock = new FakeClock();
  readonly devices = new Map<string, Device>();
  readonly online = new Set<string>();
  readonly admissions: Admission[] = [];
  readonly happened: Happening[] = [];
  /** Each rollout that was stored. */
  readonly saves: Rollout[] = [];
  stored: Rollout;
  conductor: Conductor;
  /** Is called whenever a device is about to be let in, and before and after the engine stores the rollout. */
  meanwhile: (what: 'admit' | 'save' | 'saved') => void = () => {};
  readonly #reconnectMs: number | undefined;

  constructor(rollout: Rollout, devices: readonly Device[], reconnectMs?: number) {
    this.stored = rollout;
    this.#reconnectMs = reconnectMs;
    for (const device of devices) this.devices.set(device.udid, device);
    this.conductor = this.#conduct();
  }

  /** Another process goes on from what is stored. */
  restart(): void {
    this.conductor = this.#conduct();
  }

  /** A person does something; refused actions change nothing. */
  act(action: (rollout: Rollout, now: number) => Rollout | undefined): void {
    const after = action(this.stored, this.clock.now());
    if (!after) return;
    this.#store({ ...after, revision: this.stored.revision + 1 });
    this.conductor.replace(this.stored);
  }

  async tick(times = 1): Promise<void> {
    for (let turn = 0; turn < times && isLive(this.stored); turn++) {
      if (this.conductor.rollout.revision !== this.stored.revision) this.conductor.replace(this.stored);
      await this.conductor.tick();
    }
  }

  /** Time passes, and the engine looks every so often; those that are connected are told when they may be. */
  async pass(ms: number, everyMs: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += everyMs) {
      this.clock.advance(Math.min(everyMs, ms - passed));
      for (const udid of this.online) this.#tell(udid);
      await this.tick();
    }
  }

  /** It connects, is counted, and is told. */
  comes(udid: string): void {
    const now = this.clock.now();
    this.#change(udid, (device) => {
      if (this.online.has(udid)) return device;
      this.online.add(udid);
      const silence = now - device.lastSeen;
      const rhythm = silence < MINUTE ? device.rhythm : returned(device.rhythm, silence, now);
      const { grant } = device;
      const counted = grant?.installedAt === undefined ? grant : { ...grant, returns: grant.returns + 1 };
      return { ...device, lastSeen: now, rhythm, grant: counted };
    });
    this.#tell(udid);
  }

  goes(udid: string): void {
    if (!this.online.delete(udid)) return;
    this.#change(udid, (device) => ({ ...device, lastSeen: this.clock.now() }));
  }

  /** It fetches what it was offered, whole, and restarts. */
  takes(udid: string): void {
    const now = this.clock.now();
    this.#change(udid, (device) => {
      if (device.update?.state !== 'offered' || !this.online.delete(udid)) return device;
      return {
        ...device,
        lastSeen: now,
        update: arrows.downloaded(arrows.downloading(device.update, now), now),
      };
    });
  }

  /** It connects and checks in: with the firmware, if it took that, or with what it ran before. */
  boots(udid: string, firmware: 'new' | 'old'): void {
    const known = this.devices.get(udid);
    if (!known || (firmware === 'new' && !known.update?.proven)) return;
    const version =
      firmware === 'new' ? this.stored.version : known.update ? known.update.from : known.version;
    this.comes(udid);
    this.#change(udid, (device) =>
      arrived({ ...device, version }, version === undefined ? {} : { version }, this.clock.now()),
    );
    this.#tell(udid);
  }

  /** Its updater reports an error. */
  fails(udid: string): void {
    this.#change(udid, (device) => {
      if (device.update?.state !== 'offered' || !this.online.has(udid)) return device;
      const now = this.clock.now();
      return arrived(
        { ...device, update: arrows.downloading(device.update, now) },
        { status: 'Wrong MD5' },
        now,
      );
    });
  }

  answers(udid: string, answer: 'yes' | 'no' | 'later'): void {
    const now = this.clock.now();
    this.#change(udid, (device) => {
      const { update } = device;
      if (update?.state !== 'asked') return device;
      if (answer === 'later') return { ...device, update: arrows.postponed(update, now + 60 * MINUTE) };
      if (answer === 'yes') return { ...device, update: arrows.approved(update, 'approved', now) };
      return {
        ...device,
        update: arrows.declined(update, now),
        declined: [...device.declined, update.version],
      };
    });
    this.#tell(udid);
  }

  removed(udid: string): void {
    this.devices.delete(udid);
    this.online.delete(udid);
    this.conductor.forget(udid);
  }

  async *members({ id }: Rollout): AsyncIterable<Device> {
    for (const device of this.devices.values()) if (device.grant?.rollout === id) yield device;
  }

  async *candidates({ plan }: Rollout): AsyncIterable<Device> {
    for (const device of this.devices.values())
      if (isCandidate(this.#firmware(), plan.filter, device)) yield device;
  }

  async read(udid: string): Promise<Device | undefined> {
    return this.devices.get(udid);
  }

  async admit(rollout: Rollout, udid: string, grant: Grant): Promise<Device | undefined> {
    this.meanwhile('admit');
    const device = this.devices.get(udid);
    if (!device || device.grant?.rollout === rollout.id) return undefined;
    if (!isCandidate(this.#firmware(), rollout.plan.filter, device)) return undefined;
    this.admissions.push({ udid, at: this.clock.now(), stage: grant.stage, rollout: this.stored });
    this.#change(udid, (each) => ({ ...each, grant }));
    if (this.online.has(udid)) this.#tell(udid);
    return this.devices.get(udid);
  }

  isOnline(udid: string): boolean {
    return this.online.has(udid);
  }

  #conduct(): Conductor {
    return new Conductor(this.stored, {
      crowd: this,
      clock: this.clock,
      usualMs: 15 * MINUTE,
      ...(this.#reconnectMs !== undefined && { reconnectMs: this.#reconnectMs }),
      save: async (rollout, happened) => {
        this.meanwhile('save');
        if (rollout.revision !== this.stored.revision + 1) return false;
        this.#store(rollout);
        this.happened.push(...happened);
        this.meanwhile('saved');
        return true;
      },
    });
  }

  #store(rollout: Rollout): void {
    this.stored = rollout;
    this.saves.push(rollout);
  }

  #firmware(): Firmware {
    return aFirmware({ version: this.stored.version, rollout: 'none', staging: stagingOf(this.stored) });
  }

  /** What the desk does: offers, or asks. */
  #tell(udid: string): void {
    const now = this.clock.now();
    this.#change(udid, (device) => {
      if (device.update?.state === 'offered' || device.update?.state === 'installed') return device;
      const decision = decideUpdate(device, [this.#firmware()], now, POLICY);
      if (decision.kind === 'none') return device;
      const { firmware } = decision;
      if (decision.kind === 'offer')
        return {
          ...device,
          update: arrows.offered(device.update, firmware, device.version, decision.consent, 't', now),
        };
      if (device.update?.state === 'asked' && device.update.postponedUntil === undefined) return device;
      return { ...device, update: arrows.asked(device.update, firmware, device.version, now) };
    });
  }

  #change(udid: string, change: (device: Device) => Device): void {
    const before = this.devices.get(udid);
    if (!before) return;
    const after = change(before);
    if (after === before) return;
    this.devices.set(udid, after);
    if (before.grant || after.grant) this.conductor.observe(after);
  }
}
