import type { Device } from '../device.js';
import type { AccountStore, Clock, Lease, Lock, Log, RolloutStore } from '../ports.js';
import { Conductor } from '../rollouts/conductor.js';
import type { Happening } from '../rollouts/engine.js';
import { entry } from '../rollouts/log.js';
import { isLive, type Rollout } from '../rollouts/rollout.js';
import type { Catalog } from './catalog.js';
import type { StoredCrowd } from './crowd.js';
import type { RolloutChanges } from './rollout-changes.js';

/** A big rollout is looked at less often: looking takes at most this share of the time. */
const SHARE_OF_TIME = 1 / 20;
/** Stages that are over as soon as they open follow each other within one look. */
const MOST_LOOKS = 60;
/** How often devices are read anew if there are other nodes, which change records as well, ms. */
const REFRESH_MS = 30_000;

interface Parts {
  readonly store: RolloutStore;
  readonly accounts: Pick<AccountStore, 'owners'>;
  readonly crowd: StoredCrowd;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly lease: Lease;
  readonly lock: Lock;
  readonly hasPeers: () => boolean;
  readonly usualMs: number;
  readonly log: Log;
  readonly changes: RolloutChanges;
  readonly firmwareGone: (owner: string, firmware: string) => Promise<void>;
}

/** A rollout that this node carries out, when to look at it again, and when its devices were read last, ms. */
interface Running {
  readonly conductor: Conductor;
  nextAt: number;
  readAt: number;
}

/** Carries the rollouts out: the node that holds the lease does it for all. */
export class RolloutRunner {
  readonly #parts: Parts;
  readonly #running = new Map<string, Running>();
  #ticking: Promise<void> | undefined;
  #isAskedAgain = false;
  #isReconciled = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A person has changed a rollout: it is looked at next. */
  replace(changed: Rollout): void {
    const running = this.#running.get(changed.id);
    if (!running) return;
    running.conductor.replace(changed);
    running.nextAt = this.#parts.clock.now();
  }

  observe(rollout: string, device: Device): void {
    this.#running.get(rollout)?.conductor.observe(device);
  }

  forget(udid: string): void {
    for (const { conductor } of this.#running.values()) conductor.forget(udid);
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
    const { lease, log, store } = this.#parts;
    if (!lease.isHeld()) {
      this.#running.clear();
      this.#isReconciled = false;
      return;
    }
    const live = await store.live();
    const ids = new Set(live.map(({ id }) => id));
    if (!this.#isReconciled) await this.#reconcile(ids);
    for (const id of this.#running.keys()) if (!ids.has(id)) this.#running.delete(id);
    // One that cannot be looked at keeps no other from being looked at; all are done before the next round.
    await Promise.all(
      live.map((each) =>
        this.#look(each).catch((err: unknown) =>
          log.warn({ err, rollout: each.id }, 'a rollout cannot be looked at'),
        ),
      ),
    );
  }

  /**
   * Firmware may say that it is being rolled out while no such rollout is there: it was made while a backup was read, or the
   * process died between the two. Nobody would ever let a device in.
   */
  async #reconcile(live: ReadonlySet<string>): Promise<void> {
    for await (const { id: owner } of this.#parts.accounts.owners())
      for (const firmware of await this.#parts.catalog.list(owner))
        if (firmware.staging && isLive(firmware.staging) && !live.has(firmware.staging.rollout))
          await this.#parts.changes.orphaned(firmware);
    this.#isReconciled = true;
  }

  async #look(listed: Rollout): Promise<void> {
    const { clock, hasPeers } = this.#parts;
    const running = this.#running.get(listed.id) ?? this.#take(listed);
    if (clock.now() < running.nextAt) return;
    const { conductor } = running;
    if (!(await this.#catchUp(conductor))) return;
    const begun = performance.now();
    if (hasPeers() && clock.now() - running.readAt >= REFRESH_MS) {
      await conductor.refresh();
      running.readAt = clock.now();
    }
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

  /** Takes up what others have changed. @returns false if there is nothing left to do */
  #catchUp(conductor: Conductor): Promise<boolean> {
    const { catalog, lock, store } = this.#parts;
    const { id, owner, firmware } = conductor.rollout;
    return lock
      .acquire(`rollout:${id}`, async () => {
        const stored = await store.get(id);
        if (!stored || !isLive(stored)) return 'over';
        if (conductor.rollout.revision !== stored.revision) conductor.replace(stored);
        if (!(await catalog.get(owner, firmware))) return 'gone';
        await this.#parts.changes.mend(stored);
        return 'going';
      })
      .then(async (how) => {
        if (how === 'gone') await this.#parts.firmwareGone(owner, firmware);
        return how === 'going';
      });
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
    const lines = happened.map(({ what, ...facts }) => entry(rollout, 'server', what, now, facts));
    return this.#parts.lock.acquire(`rollout:${rollout.id}`, () => this.#parts.changes.write(rollout, lines));
  }
}
