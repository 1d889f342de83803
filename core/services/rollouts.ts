import { randomUUID } from 'node:crypto';
import type { Device, Quarantine } from '../device.js';
import { FirmwireError } from '../errors.js';
import type { Firmware } from '../firmware.js';
import type { AccountStore, Clock, Lease, Lock, Log, Page, RolloutStore } from '../ports.js';
import { APPROVAL } from '../rollouts/engine.js';
import { entry, refusal, waitsForApproval } from '../rollouts/log.js';
import { type PlanDefaults, type RolloutWish, readPlan } from '../rollouts/read-plan.js';
import { isLive, type Rollout, type RolloutEntry } from '../rollouts/rollout.js';
import { newStages } from '../rollouts/view.js';
import type { Announcer } from './announcer.js';
import type { Catalog } from './catalog.js';
import type { StoredCrowd } from './crowd.js';
import type { Orders } from './orders.js';
import type { OwnerFeed } from './owner-feed.js';
import { type Action, type Deed, RolloutChanges } from './rollout-changes.js';
import { RolloutRunner } from './rollout-runner.js';

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

/** Makes rollouts, and lets people change them. */
export class Rollouts {
  readonly #parts: Parts;
  readonly #changes: RolloutChanges;
  readonly #runner: RolloutRunner;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#changes = new RolloutChanges(parts);
    this.#runner = new RolloutRunner({
      ...parts,
      changes: this.#changes,
      firmwareGone: (owner, firmware) => this.firmwareGone(owner, firmware),
    });
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
      if (firmware.staging && isLive(firmware.staging) && !(await this.isMissing(firmware)))
        throw new FirmwireError('rollout_exists');
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
    { who, what, downloads = 'cut', stage }: Deed,
  ): Promise<Rollout> {
    return this.#parts.lock.acquire(`rollout:${id}`, async () => {
      const before = await this.get(owner, id);
      const now = this.#parts.clock.now();
      const after = stage === undefined || stage === before.stage + 1 ? action(before, now) : undefined;
      if (!after) throw new FirmwireError('rollout_state', refusal(before));
      const changed = { ...after, revision: before.revision + 1 };
      const did = what === 'advanced' && waitsForApproval(before) ? 'approved' : what;
      const line = entry(changed, who, did, now, { stage: changed.stage + 1 });
      if (!(await this.#changes.write(changed, [line], downloads)))
        throw new FirmwireError('rollout_state', 'The rollout is changing; try again.');
      this.#runner.replace(changed);
      return changed;
    });
  }

  /** True if no rollout of this firmware was ever made, or what was made of it could not be written down. */
  async isMissing({ staging }: Firmware): Promise<boolean> {
    return !staging || (await this.#parts.store.get(staging.rollout)) === undefined;
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
    this.#runner.observe(id, after);
    if (before.grant && before.grant.rollout !== id) this.#runner.observe(before.grant.rollout, after);
  }

  /** A device is no more. */
  forget(udid: string): void {
    this.#runner.forget(udid);
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
    return this.#runner.tick();
  }
}
