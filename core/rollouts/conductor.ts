import type { Device } from '../device.js';
import type { Clock } from '../ports.js';
import { byChance, type Candidate, groupsOf, inOrder, redundanciesOf } from './canaries.js';
import { Control } from './control.js';
import { type Happening, look } from './engine.js';
import type { Member } from './judge.js';
import { type Circumstances, patienceWith, type Standing, standingOf } from './member.js';
import { allowedNow } from './rate.js';
import type { Grant, Rollout } from './rollout.js';
import { median } from './statistics.js';
import { withTallies } from './tallies.js';

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
  admit(rollout: Rollout, udid: string, grant: Grant): Promise<Device | undefined>;
  isOnline(udid: string): boolean;
}

interface Parts {
  readonly crowd: Crowd;
  readonly clock: Pick<Clock, 'now'>;
  /** Stores what changed, before anything follows from it. False if it was changed by somebody else. */
  readonly save: (rollout: Rollout, happened: readonly Happening[]) => Promise<boolean>;
  /** What is usual where nothing is known, ms. */
  readonly usualMs: number;
  /** How long devices have to come back after a restart before a rollout halts for it, ms; absent: ten minutes. */
  readonly reconnectMs?: number;
}

/** What a member's standing rests on, and its standing while only the record can change it. */
interface Seat {
  device: Device;
  groups: readonly string[];
  settled: Standing | undefined;
}

const MINUTE_MS = 60_000;
const RECONNECT_MS = 10 * MINUTE_MS;
/** Figures are written down at most this often, ms. */
const TALLY_EVERY_MS = 2000;
/** Let in within one look: people, and other rollouts, have their turn in between. */
const MOST_AT_ONCE = 2000;
/** Let in at the same time, so that their records share a wait for the disk. */
const BATCH = 200;

/** Carries out one rollout: looks at its devices again and again, and lets more of them in. What it knows follows from what is stored. */
export class Conductor {
  readonly #parts: Parts;
  readonly #seats = new Map<string, Seat>();
  readonly #control: Control;
  #rollout: Rollout;
  #queue: Candidate[] = [];
  /** For what the queue was looked up. */
  #queueFor = '';
  /** The queue was empty, and nobody was found when it was looked up again. */
  #isFilledAgain = false;
  #usual = new Map<string, number>();
  #isLoaded = false;
  /** It was begun by another process: since when this one listens. */
  #resumedAt: number | undefined;
  #talliedAt = Number.NEGATIVE_INFINITY;

  constructor(rollout: Rollout, parts: Parts) {
    this.#rollout = rollout;
    this.#parts = parts;
    const { crowd } = parts;
    this.#control = new Control({
      read: (udid) => crowd.read(udid),
      isOnline: (udid) => crowd.isOnline(udid),
      patienceWith: (device) => patienceWith(device, (each) => this.#usualOf(each)),
      isIn: (udid) => this.#seats.has(udid),
    });
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

  /** Reads all of them anew: other nodes change their records as well. */
  async refresh(): Promise<void> {
    const gone = new Set(this.#seats.keys());
    for await (const device of this.#parts.crowd.members(this.#rollout)) {
      gone.delete(device.udid);
      this.observe(device);
    }
    for (const udid of gone) this.forget(udid);
  }

  /** A device is no more. */
  forget(udid: string): void {
    this.#seats.delete(udid);
    this.#queue = this.#queue.filter((candidate) => candidate.udid !== udid);
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
    // Those of the queue may all have been refused, or others have come: nobody is left only if nobody is found anew.
    if (this.#queue.length > 0) this.#isFilledAgain = false;
    else if (!this.#isFilledAgain) {
      this.#queueFor = '';
      await this.#fill();
      this.#isFilledAgain = this.#queue.length === 0;
    }
    const members = this.members();
    const controlShare = await this.#control.share(now);
    const before = this.#rollout;
    const facts = { now, members, candidates: this.#queue.length };
    let step = look(before, { ...facts, controlShare });
    if (step.rollout.state === 'halted') {
      // The network may have gone since the others were looked at.
      step = look(before, { ...facts, controlShare: await this.#control.share(now, 0) });
      if (step.rollout.state === 'halted' && this.#isReconnecting(now)) return;
    }
    const tallied = withTallies(step.rollout, members);
    const isNews = step.rollout !== before;
    if (isNews || (tallied !== step.rollout && now - this.#talliedAt >= TALLY_EVERY_MS)) {
      this.#talliedAt = now;
      const changed = { ...tallied, revision: before.revision + 1 };
      // Somebody else has changed it: what was decided was decided on what is no more.
      if (!(await save(changed, step.happened)) || this.#rollout !== before) return;
      this.#rollout = changed;
    }
    if (step.room === 0 || this.#rollout.state !== 'running') return;
    const granted = [...this.#seats.values()].map(({ device }) => device.grant?.at ?? 0);
    await this.#admit(allowedNow(this.#rollout.plan.ratePerMinute, step.room, granted, now), now);
  }

  /** After a restart all devices look as if they were away, until they have had the time to come back. */
  #isReconnecting(now: number): boolean {
    const { reconnectMs = RECONNECT_MS } = this.#parts;
    return this.#resumedAt !== undefined && now < this.#resumedAt + reconnectMs;
  }

  async #load(): Promise<void> {
    if (this.#isLoaded) return;
    const { crowd, clock } = this.#parts;
    for await (const device of crowd.members(this.#rollout)) {
      this.observe(device);
      this.#resumedAt = clock.now();
    }
    this.#isLoaded = true;
  }

  /** Who could be let in is looked up when a stage opens: devices come, go and change meanwhile. */
  async #fill(): Promise<void> {
    const { stage, stages } = this.#rollout;
    const asked = `${stage} ${stages[stage]?.state}`;
    if (this.#queueFor === asked) return;
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
    this.#queue = byChance(found, this.#rollout.id);
    this.#control.of(this.#queue.map(({ udid }) => udid));
    this.#queueFor = asked;
  }

  async #admit(count: number, now: number): Promise<void> {
    const { crowd } = this.#parts;
    const grant: Grant = {
      rollout: this.#rollout.id,
      firmware: this.#rollout.firmware,
      stage: this.#rollout.stage,
      at: now,
      installedAt: undefined,
      returns: 0,
    };
    const chosen = this.#choose(Math.min(count, MOST_AT_ONCE));
    for (let from = 0; from < chosen.length; from += BATCH) {
      // Somebody may have paused or ended it meanwhile.
      if (this.#rollout.state !== 'running') return;
      const batch = new Set(chosen.slice(from, from + BATCH));
      this.#queue = this.#queue.filter((candidate) => !batch.has(candidate));
      const admitted = await Promise.allSettled(
        [...batch].map(({ udid }) => crowd.admit(this.#rollout, udid, grant)),
      );
      // Who has changed since has been heard of by now.
      for (const each of admitted)
        if (each.status === 'fulfilled' && each.value && !this.#seats.has(each.value.udid))
          this.observe(each.value);
      const failed = admitted.find((each) => each.status === 'rejected');
      if (!failed) continue;
      // Whoever could not be written down is looked up anew: nobody has been let in, and nobody is missing.
      this.#queueFor = '';
      throw failed.reason;
    }
  }

  /** So many that are next now, and share no redundancy with one that is under way, or with each other. */
  #choose(count: number): Candidate[] {
    if (count === 0) return [];
    const busy = new Set(this.#inFlight().flatMap(redundanciesOf));
    const tried = new Set([...this.#seats.values()].flatMap(({ groups }) => groups));
    const chosen: Candidate[] = [];
    for (const candidate of inOrder(this.#queue, tried, (udid) => this.#parts.crowd.isOnline(udid))) {
      if (chosen.length === count) break;
      const shared = redundanciesOf(candidate);
      if (shared.some((name) => busy.has(name))) continue;
      for (const name of shared) busy.add(name);
      chosen.push(candidate);
    }
    return chosen;
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
