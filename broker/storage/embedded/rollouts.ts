import type { RolloutStore } from '../../../core/ports.js';
import { isLive, type Rollout, type RolloutEntry } from '../../../core/rollouts/rollout.js';
import type { RolloutArchive } from '../archive.js';
import { byOwner, follows, logPage, shownBefore } from '../rollouts.js';
import type { Environment } from './environment.js';

/** Rollouts and the logs of decisions on LMDB. */
export function rolloutStore(environment: Environment): RolloutStore & RolloutArchive {
  const rollouts = environment.table<Rollout>('rollouts');
  /** [owner, createdAt, id] */
  const ofOwner = environment.index('rollouts-by-owner');
  /** [createdAt, id], of the live ones only */
  const live = environment.index('rollouts-live');
  /** Under the owner. */
  const log = environment.sequence<RolloutEntry>('rollout-log');

  const read = (ids: readonly string[]): Rollout[] =>
    ids.map((id) => rollouts.get(id)).filter((item) => item !== undefined);

  function write(before: Rollout | undefined, after: Rollout): void {
    if (before) {
      ofOwner.remove([before.owner, before.createdAt, before.id]);
      live.remove([before.createdAt, before.id]);
    }
    rollouts.put(after.id, after);
    ofOwner.add([after.owner, after.createdAt, after.id]);
    if (isLive(after)) live.add([after.createdAt, after.id]);
  }

  function append(entries: readonly RolloutEntry[]): void {
    for (const [owner, lines] of byOwner(entries)) log.add(owner, lines);
  }

  return {
    async get(id) {
      return rollouts.get(id);
    },

    async list(owner) {
      return read(ofOwner.under([owner]));
    },

    async live() {
      // Between the two looks another process may have ended one.
      return read(live.upTo(Number.MAX_VALUE, Number.POSITIVE_INFINITY)).filter(isLive);
    },

    put(rollout, entries) {
      return environment.write(() => {
        const before = rollouts.get(rollout.id);
        if (!follows(before, rollout)) return false;
        write(before, rollout);
        append(entries);
        return true;
      });
    },

    async note(entries) {
      if (entries.length > 0) await environment.write(() => append(entries));
    },

    async log(owner, limit, after) {
      const shown = shownBefore(after);
      return logPage(log.after(owner, shown, limit + 1), limit, shown);
    },

    restore: (rollout) => environment.write(() => write(rollouts.get(rollout.id), rollout)),
  };
}
