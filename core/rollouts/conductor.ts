import type { Device } from '../device.js';
import type { Clock } from '../ports.js';
import { type Candidate, groupsOf, inOrder, redundanciesOf } from './canaries.js';
import { type Happening, look } from './engine.js';
import type { Member } from './judge.js';
import { type Circumstances, patienceWith, type Standing, standingOf } from './member.js';
import type { Grant, Rollout } from './rollout.js';
import { median, upperShare } from './statistics.js';

/** The devices of one owner, as a rollout works with them. */
export interface Crowd {
  /** Those that are in this rollout. */
  members(rollout: Rollout): AsyncIterable<Device>;
  /** Those that could be let in: the firmware is meant for them and newer, and the filter wants them. */
  candidates(rollout: Rollout): AsyncIterable<Device>;
  read(udid: string): Promise<Device | undefined>;
  /**
   * Writes down that this device is in, and lets it be told.
   * @returns the record as it now stands; undefined if it cannot be let in any more
   */
  admit(udid: string, grant: Grant): Promise<Device | undefined>;
  isOnline(udid: string): boolean;
}

interface Parts {
  readonly crowd: Crowd;
  readonly clock: Pick<Clock, 'now'>;
  /** Stores what changed, before anything follows from it. False if it was changed by somebody else. */
  readonly save: (rollout: Rollout, happened: readonly Happening[]) => Promise<boolean>;
  /** What is usual where nothing is known, ms. */
  readonly usualMs: number;
}

/** What a member's standing rests on, and its standing while only the record can change it. */
interface Seat {
  device: Device;
  groups: readonly string[];
  settled: Standing | undefined;
}

const MINUTE_MS = 60_000;
/** How many devices without the firmware are watched for comparison, and how often. */
const CONTROLS = 200;
const CONTROLS_EVERY_MS = 5 * MINUTE_MS;
/** Devices that were away for days before are no comparison. */
const RECENT_MS = 2 * 24 * 60 * MINUTE_MS;
/** Let in at the same time, so that their records share a wait for the disk. */
const BATCH = 200;

/** Carries out one rollout: looks at its devices again and again, and lets more of them in. What it knows follows from what is stored. */
export class Conductor {
  readonly #parts: Parts;
  readonly #seats = new Map<string, Seat>();
  #rollout: Rollout;
  #queue: Candidate[] = [];
  #queueStage = -1;
  #controls: readonly string[] = [];
  #control = { at: Number.NEGATIVE_INFINITY, share: 0 };
  #usual = new Map<string, number>();
  #isLoaded = false;
  /** When devices were let in last, and what the rate left over then. */
  #pace: { at: number; left: number } | undefined;

  constructor(rollout: Rollout, parts: Parts) {
    this.#rollout = rollout;
    this.#parts = parts;
  }

  get rollout(): Rollout {
    return this.#rollout;
  }

  /** A person has changed it. */
  replace(rollout: Rollout): void {
    this.#rollout = rollout;
  }

  /** The record of a device has changed. */
  observe(device: Device): void {
    if (device.grant?.rollout !== this.#rollout.id) this.#seats.delete(device.udid);
    else this.#seats.set(device.udid, { device, groups: this.#groupsAtEntry(device), settled: undefined });
  }

  /** A device is no more. */
  forget(udid: string): void {
    this.#seats.delete(udid);
  }

  /** How each stage stands. */
  members(): Member[] {
    const circumstances = this.#circumstances();
    return [...this.#seats.values()].map((seat) => this.#member(seat, circumstances));
  }

  /** Looks at it once: judges, opens and closes stages, lets devices in. Not to be called again before it has resolved. */
  async tick(): Promise<void> {
    await this.#load();
    const { clock, save } = this.#parts;
    const now = clock.now();
    await this.#fill();
    const step = look(this.#rollout, {
      now,
      members: this.members(),
      candidates: this.#queue.length,
      controlShare: await this.#controlShare(now),
    });
    if (step.rollout !== this.#rollout) {
      const changed = { ...step.rollout, revision: this.#rollout.revision + 1 };
      // Somebody else has changed it: what was decided was decided on what is no more.
      if (!(await save(changed, step.happened))) return;
      this.#rollout = changed;
    }
    if (step.room > 0) await this.#admit(this.#allowed(step.room, now), now);
  }

  async #load(): Promise<void> {
    if (this.#isLoaded) return;
    for await (const device of this.#parts.crowd.members(this.#rollout)) this.observe(device);
    this.#isLoaded = true;
  }

  /** Who could be let in is looked up when a stage opens: devices come, go and change meanwhile. */
  async #fill(): Promise<void> {
    if (this.#queueStage === this.#rollout.stage) return;
    const { crowd } = this.#parts;
    const found: Candidate[] = [];
    const silences = new Map<string, number[]>();
    for await (const device of crowd.candidates(this.#rollout)) {
      if (this.#seats.has(device.udid)) continue;
      const { udid, platform, version, tags, rhythm } = device;
      found.push({ udid, platform, version, tags });
      if (!rhythm) continue;
      const key = platform ?? '';
      const known = silences.get(key) ?? [];
      known.push(rhythm.silence);
      silences.set(key, known);
    }
    for (const [platform, values] of silences)
      this.#usual.set(platform, median(values) ?? this.#parts.usualMs);
    const order = inOrder(found, this.#rollout.id, (udid) => crowd.isOnline(udid));
    const byUdid = new Map(found.map((candidate) => [candidate.udid, candidate]));
    this.#queue = order.flatMap((udid) => byUdid.get(udid) ?? []);
    this.#controls = order.slice(-CONTROLS);
    this.#queueStage = this.#rollout.stage;
  }

  /** The share of devices without the firmware that look as if it had broken them: then it was not the firmware. */
  async #controlShare(now: number): Promise<number> {
    if (now - this.#control.at < CONTROLS_EVERY_MS) return this.#control.share;
    const { crowd } = this.#parts;
    let [silent, all] = [0, 0];
    for (const udid of this.#controls) {
      if (this.#seats.has(udid)) continue;
      const device = await crowd.read(udid);
      const silence = device && !crowd.isOnline(udid) ? now - device.lastSeen : 0;
      if (!device || silence > RECENT_MS) continue;
      all++;
      if (silence >= patienceWith(device, (each) => this.#usualOf(each))) silent++;
    }
    // A few of few is chance, and must not hide what the firmware does.
    const share = all >= CONTROLS / 4 ? upperShare(silent, all) : 0;
    this.#control = { at: now, share };
    return share;
  }

  /** How many of this room the rate leaves now. */
  #allowed(room: number, now: number): number {
    const { ratePerMinute } = this.#rollout.plan;
    if (ratePerMinute === undefined) return room;
    const earned = this.#pace ? ((now - this.#pace.at) / MINUTE_MS) * ratePerMinute + this.#pace.left : 1;
    const most = Math.min(Math.max(1, ratePerMinute), earned);
    const allowed = Math.min(room, Math.floor(most));
    this.#pace = { at: now, left: most - allowed };
    return allowed;
  }

  async #admit(count: number, now: number): Promise<void> {
    const { crowd } = this.#parts;
    const busy = new Set(this.#inFlight().flatMap(redundanciesOf));
    const chosen: string[] = [];
    const held: Candidate[] = [];
    const queue = this.#queue;
    let taken = 0;
    for (; taken < queue.length && chosen.length < count; taken++) {
      const candidate = queue[taken];
      if (!candidate) break;
      const shared = redundanciesOf(candidate);
      if (shared.some((name) => busy.has(name))) held.push(candidate);
      else {
        for (const name of shared) busy.add(name);
        chosen.push(candidate.udid);
      }
    }
    this.#queue = [...held, ...queue.slice(taken)];
    const grant: Grant = {
      rollout: this.#rollout.id,
      firmware: this.#rollout.firmware,
      stage: this.#rollout.stage,
      at: now,
      installedAt: undefined,
      returns: 0,
    };
    for (let from = 0; from < chosen.length; from += BATCH) {
      const batch = chosen.slice(from, from + BATCH);
      const admitted = await Promise.all(batch.map((udid) => crowd.admit(udid, grant)));
      for (const device of admitted) if (device) this.observe(device);
    }
  }

  /** Devices that may be down now, or soon, because of the firmware. */
  #inFlight(): Device[] {
    const circumstances = this.#circumstances();
    return [...this.#seats.values()]
      .filter((seat) => IN_FLIGHT.has(this.#member(seat, circumstances).standing.state))
      .map(({ device }) => device);
  }

  #member(seat: Seat, circumstances: Circumstances): Member {
    const { device, groups } = seat;
    const { grant } = device;
    const stage = grant?.stage ?? 0;
    if (seat.settled) return { udid: device.udid, stage, standing: seat.settled, groups };
    const { plan, version } = this.#rollout;
    const standing: Standing = grant
      ? standingOf(device, grant, version, plan, circumstances)
      : { state: 'excused', reason: 'withdrawn', isSuspect: false };
    if (SETTLED.has(standing.state)) seat.settled = standing;
    return { udid: device.udid, stage, standing, groups };
  }

  /** What it was when it was let in: the version that it ran before, not the one that it was given. */
  #groupsAtEntry(device: Device): readonly string[] {
    const known = this.#seats.get(device.udid)?.groups;
    if (known) return known;
    const isIt = device.update?.firmware === this.#rollout.firmware;
    return groupsOf(isIt ? { ...device, version: device.update?.from } : device);
  }

  #usualOf({ platform }: Device): number {
    return this.#usual.get(platform ?? '') ?? this.#parts.usualMs;
  }

  #circumstances(): Circumstances {
    const { clock, crowd } = this.#parts;
    return {
      now: clock.now(),
      isOnline: (udid) => crowd.isOnline(udid),
      usualOf: (device) => this.#usualOf(device),
    };
  }
}

const IN_FLIGHT: ReadonlySet<string> = new Set(['pending', 'away', 'probation']);
/** Only a change of the record changes these. */
const SETTLED: ReadonlySet<string> = new Set(['passed', 'failed', 'excused']);
