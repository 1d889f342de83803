import type { Firmware } from '../firmware.js';
import type { Lock, Log, RolloutStore } from '../ports.js';
import { isOpenToAll } from '../rollouts/filter.js';
import { goalOf } from '../rollouts/plan.js';
import { isLive, type Rollout, type RolloutEntry, stagingOf } from '../rollouts/rollout.js';
import type { Announcer } from './announcer.js';
import { BLOBS, type Catalog } from './catalog.js';
import type { Orders } from './orders.js';
import type { OwnerFeed } from './owner-feed.js';

/** What becomes of downloads under way when a rollout ends before its time. */
export type DownloadsEnd = 'cut' | 'finish';

/** What a person does; undefined if the rollout's state does not allow it. */
export type Action = (rollout: Rollout, now: number) => Rollout | undefined;

/** Who does something, what the log calls it, and what becomes of downloads if it ends the rollout. */
export interface Deed {
  readonly who: string;
  readonly what: string;
  readonly downloads?: DownloadsEnd;
  /** The stage that the person saw, from 1: if it is another by now, nothing is done. */
  readonly stage?: number | undefined;
}

interface Parts {
  readonly store: RolloutStore;
  readonly catalog: Catalog;
  readonly announcer: Announcer;
  readonly orders: Orders;
  readonly feed: OwnerFeed;
  /** One for all nodes. */
  readonly lock: Lock;
  readonly log: Log;
}

/** Writes down what becomes of a rollout, and brings about what follows from it. */
export class RolloutChanges {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * What follows from a change first, then the change itself: if the process dies in between, the same comes about again. Offers of a
   * rollout that ends are taken back before it is written down as ended. To be called by one at a time for each rollout.
   */
  async write(
    rollout: Rollout,
    entries: readonly RolloutEntry[],
    downloads: DownloadsEnd = 'cut',
  ): Promise<boolean> {
    const before = await this.#parts.store.get(rollout.id);
    if ((before?.revision ?? 0) !== rollout.revision - 1) return false;
    const firmware = await this.#stage(rollout);
    const isOver = rollout.state === 'halted' || rollout.state === 'aborted';
    if (isOver) await this.#retract(rollout, downloads);
    const isWritten = await this.#parts.store.put(rollout, entries).catch(async (err: unknown) => {
      // Without the store this fails as well; the next look, or the next attempt to make it, sets it right then.
      await this.#asStored(rollout, firmware).catch(() => {});
      throw err;
    });
    if (!isWritten) {
      await this.#asStored(rollout, firmware);
      return false;
    }
    this.#parts.feed.rolloutChanged(rollout);
    // Who came too late for its stages gets it as ever.
    if (firmware && firmware.rollout !== 'none') await this.#parts.announcer.announce(firmware);
    return true;
  }

  /** A process died between a change and its consequences: what decisions rest on is not what is stored. */
  async mend(rollout: Rollout): Promise<void> {
    const firmware = await this.#parts.catalog.get(rollout.owner, rollout.firmware);
    if (JSON.stringify(firmware?.staging) !== JSON.stringify(stagingOf(rollout))) await this.#stage(rollout);
  }

  async #asStored({ id }: Rollout, firmware: Firmware | undefined): Promise<void> {
    const stored = await this.#parts.store.get(id);
    if (stored) await this.#stage(stored);
    else if (firmware) await this.orphaned(firmware);
  }

  /** Tells every decision how the rollout stands. @returns the firmware as it now stands; undefined if it is withdrawn */
  #stage(rollout: Rollout): Promise<Firmware | undefined> {
    const { catalog, feed, lock } = this.#parts;
    return lock.acquire(BLOBS, async () => {
      catalog.forget(rollout.owner);
      const firmware = await catalog.get(rollout.owner, rollout.firmware);
      if (!firmware) return undefined;
      const staging = stagingOf(rollout);
      if (JSON.stringify(firmware.staging) === JSON.stringify(staging) && rollout.state !== 'done')
        return firmware;
      const release = rollout.state === 'done' && isForAll(rollout) ? 'all-at-once' : firmware.rollout;
      const staged: Firmware = { ...firmware, staging, rollout: release };
      await catalog.put(staged);
      feed.firmwareStored(staged);
      return staged;
    });
  }

  /** The rollout of this firmware is not there, or has ended without a word: nothing comes of it any more. */
  orphaned({ owner, id }: Firmware): Promise<void> {
    const { catalog, lock, store } = this.#parts;
    return lock.acquire(BLOBS, async () => {
      catalog.forget(owner);
      const firmware = await catalog.get(owner, id);
      if (!firmware?.staging) return;
      const rollout = await store.get(firmware.staging.rollout);
      if (rollout && isLive(rollout)) return;
      const state = rollout?.state ?? 'halted';
      await catalog.put({ ...firmware, staging: { ...firmware.staging, state } });
    });
  }

  async #retract(rollout: Rollout, downloads: DownloadsEnd): Promise<void> {
    const { announcer, orders, log } = this.#parts;
    const taking = announcer.each(
      rollout.owner,
      ({ grant, update }) => grant?.rollout === rollout.id && update?.firmware === rollout.firmware,
      async ({ udid, update }) => {
        if (downloads === 'cut' || update?.state !== 'downloading')
          await orders.retract(udid, rollout.firmware);
        await announcer.reconsider(udid);
      },
    );
    // It has to end all the same: no decision offers the firmware any more.
    await taking.catch((err: unknown) =>
      log.error({ err, rollout: rollout.id }, 'offers could not be taken back'),
    );
  }
}

/** True if at its end every device that the firmware is meant for may have it. */
function isForAll({ plan, population }: Rollout): boolean {
  const last = plan.stages.at(-1);
  return last !== undefined && isOpenToAll(plan.filter) && goalOf(last, population) >= population;
}
