import { randomUUID } from 'node:crypto';
import type { Device, Quarantine } from '../device.js';
import { FirmwireError } from '../errors.js';
import type { Firmware } from '../firmware.js';
import type { AccountStore, Clock, Lease, Lock, Log, Page, RolloutStore } from '../ports.js';
import { Conductor } from '../rollouts/conductor.js';
import { APPROVAL, type Happening } from '../rollouts/engine.js';
import { entry, waitsForApproval } from '../rollouts/log.js';
import { type PlanDefaults, type RolloutWish, readPlan } from '../rollouts/read-plan.js';
import { isLive, type Rollout, type RolloutEntry } from '../rollouts/rollout.js';
import { newStages } from '../rollouts/view.js';
import type { Announcer } from './announcer.js';
import type { Catalog } from './catalog.js';
import type { StoredCrowd } from './crowd.js';
import type { Orders } from './orders.js';
import type { OwnerFeed } from './owner-feed.js';
import { type Action, type Deed, RolloutChanges } from './rollout-changes.js';

/** How often a change is tried again because somebody else made one. */
const MOST_TURNS = 5;
/** A big rollout is looked at less often: looking takes at most this share of the time. */
const SHARE_OF_TIME = 1 / 20;
/** Stages that are over as soon as they open follow each other within one look. */
const MOST_LOOKS = 60;
/** Whose changes are made on other nodes are read so often, ms. */
const REFRESH_MS = 10_000;

interface Parts {
  readonly store: RolloutStore;
  readonly accounts: Pick<AccountStore, 'owners'>;
  readonly crowd: StoredCrowd;
  readonly catalog: Catalog;
  readonly announcer: Announcer;
  readonly orders: Orders;
  readonly feed: OwnerFeed;
  readonly clock: Clock;
  readonly lease: Lease;
  /** One for all nodes. */
  readonly lock: Lock;
  readonly hasPeers: () => boolean;
  readonly defaults: PlanDefaults;
  /** Firmware for more devices than this is rolled out in stages. */
  readonly stagedFrom: number;
  /** What is usual for a device of which nothing is known, ms. */
  readonly usualMs: number;
  readonly log: Log;
}

/** A rollout that this node carries out, when to look at it again, and when its devices were read last, ms. */
interface Running {
  readonly conductor: Conductor;
  nextAt: number;
  readAt: number;
}

/** Makes rollouts, lets people change them, and carries them out: one node does it for all. */
export class Rollouts {
  readonly #parts: Parts;
  readonly #changes: RolloutChanges;
  readonly #running = new Map<string, Running>();
  #ticking: Promise<void> | undefined;
  #isAskedAgain = false;
  #isReconciled = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#changes = new RolloutChanges(parts);
  }

  list(owner: string): Promise<readonly Rollout[]> {
    return this.#parts.store.list(owner);
  }

  log(owner: string, limit: number, after?: string): Promise<Page<RolloutEntry>> {
    return this.#parts.store.log(owner, limit, after);
  }

  /** @throws FirmwireError `rollout_not_found` */
  async get(owner: string, id: string): Promise<Rollout> {
    const rollout = await this.#parts.store.get(id);
    if (rollout?.owner !== owner) throw new FirmwireError('rollout_not_found');
    return rollout;
  }

  /**
   * Makes a rollout. It begins at the next look. Durable.
   * @param who the id of the key, or `server`
   * @throws FirmwireError `firmware_not_found`, `field_invalid`; `already_released` for firmware that is offered to all; `rollout_exists`
   */
  async create(owner: string, wish: RolloutWish, who: string): Promise<Rollout> {
    const plan = readPlan(wish, this.#parts.defaults);
    const { catalog, clock, lock } = this.#parts;
    return lock.acquire(`rollouts:${owner}`, async () => {
      const firmware = await catalog.get(owner, wish.firmware);
      if (!firmware) throw new FirmwireError('firmware_not_found');
      if (firmware.rollout !== 'none') throw new FirmwireError('already_released');
      if (firmware.staging && isLive(firmware.staging)) throw new FirmwireError('rollout_exists');
      const now = clock.now();
      const bare: Rollout = {
        id: randomUUID(),
        owner,
        firmware: firmware.id,
        version: firmware.version,
        plan,
        state: 'scheduled',
        reason: plan.approval === 'once' ? APPROVAL : undefined,
        stage: 0,
        stages: [],
        population: 0,
        approvedStage: -1,
        createdAt: now,
        changedAt: now,
        revision: 1,
      };
      const population = await this.#parts.crowd.count(bare);
      const rollout = { ...bare, population, stages: newStages(plan, population) };
      const evidence = `${population} devices, ${plan.stages.length} stages, approval: ${plan.approval}`;
      await this.#changes.write(rollout, [entry(rollout, who, 'created', now, { evidence })]);
      return rollout;
    });
  }

  /**
   * Changes a rollout as a person wants it. Durable.
   * @throws FirmwireError `rollout_not_found`, `rollout_state`
   */
  async act(
    owner: string,
    id: string,
    action: Action,
    { who, what, downloads = 'cut' }: Deed,
  ): Promise<Rollout> {
    for (let turn = 1; turn <= MOST_TURNS; turn++) {
      const before = await this.get(owner, id);
      const now = this.#parts.clock.now();
      const after = action(before, now);
      if (!after)
        throw new FirmwireError('rollout_state', `This cannot be done to a rollout that is ${before.state}.`);
      const changed = { ...after, revision: before.revision + 1 };
      const did = what === 'advanced' && waitsForApproval(before) ? 'approved' : what;
      const line = entry(changed, who, did, now, { stage: changed.stage + 1 });
      if (!(await this.#changes.write(changed, [line], downloads))) continue;
      this.#running.get(id)?.conductor.replace(changed);
      const running = this.#running.get(id);
      if (running) running.nextAt = now;
      return changed;
    }
    throw new FirmwireError('rollout_state', 'The rollout is changing; try again.');
  }

  /** True if publishing this firmware to all at once would reach more devices than may be reached at once. */
  async isForMany(firmware: Firmware): Promise<boolean> {
    if (firmware.udid !== undefined) return false;
    let count = 0;
    for await (const _ of this.#parts.crowd.reachedBy(firmware))
      if (++count > this.#parts.stagedFrom) return true;
    return false;
  }

  /** Somebody has published it to all at once: its rollout has nothing left to do. */
  releasedToAll({ owner, id }: Firmware, who: string): Promise<void> {
    return this.#end(owner, id, { state: 'done', reason: 'published to all at once' }, who);
  }

  /** A firmware is withdrawn: its rollout ends. */
  firmwareGone(owner: string, firmware: string): Promise<void> {
    return this.#end(owner, firmware, { state: 'halted', reason: 'its firmware was withdrawn' }, 'server');
  }

  async #end(
    owner: string,
    firmware: string,
    end: Pick<Rollout, 'state' | 'reason'>,
    who: string,
  ): Promise<void> {
    const action: Action = (rollout, now) =>
      isLive(rollout) ? { ...rollout, ...end, changedAt: now } : undefined;
    for (const { id, firmware: own, state } of await this.#parts.store.list(owner))
      if (own === firmware && isLive({ state })) await this.act(owner, id, action, { who, what: end.state });
  }

  /** The record of a device has changed. */
  observe(before: Device, after: Device): void {
    const id = after.grant?.rollout ?? before.grant?.rollout;
    if (after.quarantine && !before.quarantine) this.#setAside(after, id ?? '', after.quarantine);
    if (id === undefined) return;
    this.#running.get(id)?.conductor.observe(after);
    if (before.grant && before.grant.rollout !== id)
      this.#running.get(before.grant.rollout)?.conductor.observe(after);
  }

  /** A device is no more. */
  forget(udid: string): void {
    for (const { conductor } of this.#running.values()) conductor.forget(udid);
  }

  #setAside({ owner, udid, update }: Device, rollout: string, { at, reason }: Quarantine): void {
    const line = { owner, rollout, version: update?.version ?? '', at, who: 'server', what: 'quarantined' };
    this.#parts.store
      .note([{ ...line, udid, evidence: reason }])
      .catch((err: unknown) =>
        this.#parts.log.warn({ err, udid }, 'a device was set aside, and the log lacks it'),
      );
  }

  /** Looks at every rollout that is due. Never rejects. Called while a look goes on, it is followed by another one. */
  tick(): Promise<void> {
    this.#isAskedAgain = this.#ticking !== undefined;
    this.#ticking ??= this.#tickWhileAsked().finally(() => {
      this.#ticking = undefined;
    });
    return this.#ticking;
  }

  async #tickWhileAsked(): Promise<void> {
    do {
      this.#isAskedAgain = false;
      await this.#lookAtAll().catch((err: unknown) =>
        this.#parts.log.warn({ err }, 'rollouts cannot be looked at'),
      );
    } while (this.#isAskedAgain);
  }

  async #lookAtAll(): Promise<void> {
    const { lease, store } = this.#parts;
    if (!lease.isHeld()) {
      this.#running.clear();
      this.#isReconciled = false;
      return;
    }
    const live = await store.live();
    const ids = new Set(live.map(({ id }) => id));
    if (!this.#isReconciled) await this.#reconcile(ids);
    for (const id of this.#running.keys()) if (!ids.has(id)) this.#running.delete(id);
    for (const rollout of live) await this.#look(rollout);
  }

  /**
   * Firmware may say that it is being rolled out while no such rollout is there: it was made while a backup was read, or the
   * process died between the two. Nobody would ever let a device in.
   */
  async #reconcile(live: ReadonlySet<string>): Promise<void> {
    for await (const { id: owner } of this.#parts.accounts.owners())
      for (const firmware of await this.#parts.catalog.list(owner))
        if (firmware.staging && isLive(firmware.staging) && !live.has(firmware.staging.rollout))
          await this.#changes.orphaned(firmware);
    this.#isReconciled = true;
  }

  async #look(stored: Rollout): Promise<void> {
    const { clock } = this.#parts;
    const running = this.#running.get(stored.id) ?? this.#take(stored);
    if (clock.now() < running.nextAt) return;
    const { conductor } = running;
    if (conductor.rollout.revision !== stored.revision) conductor.replace(stored);
    await this.#changes.mend(stored);
    if (this.#parts.hasPeers() && clock.now() - running.readAt >= REFRESH_MS) {
      await conductor.refresh();
      running.readAt = clock.now();
    }
    const begun = performance.now();
    // A stage that opens lets nobody in before it is looked at again.
    for (
      let turn = 0, before: Rollout | undefined;
      turn < MOST_LOOKS && before !== conductor.rollout;
      turn++
    ) {
      before = conductor.rollout;
      await conductor.tick();
    }
    running.nextAt = clock.now() + (performance.now() - begun) / SHARE_OF_TIME;
  }

  #take(rollout: Rollout): Running {
    const { crowd, clock, usualMs } = this.#parts;
    const conductor = new Conductor(rollout, {
      clock,
      usualMs,
      crowd,
      save: (changed, happened) => this.#save(changed, happened),
    });
    const running = { conductor, nextAt: clock.now(), readAt: clock.now() };
    this.#running.set(rollout.id, running);
    return running;
  }

  #save(rollout: Rollout, happened: readonly Happening[]): Promise<boolean> {
    const now = this.#parts.clock.now();
    for (const each of happened) this.#parts.log.info({ rollout: rollout.id, ...each }, 'a rollout goes on');
    return this.#changes.write(
      rollout,
      happened.map(({ what, ...facts }) => entry(rollout, 'server', what, now, facts)),
    );
  }
}
