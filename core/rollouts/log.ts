import type { Rollout, RolloutEntry } from './rollout.js';

/** What is done next by its owner is an approval. */
export const waitsForApproval = ({ state, stage, stages }: Rollout): boolean =>
  state === 'scheduled' || stages[stage]?.state === 'approval';

/** A line of the log about a rollout. */
export const entry = (
  { owner, id, version }: Rollout,
  who: string,
  what: string,
  at: number,
  facts: Partial<RolloutEntry> = {},
): RolloutEntry => ({ owner, rollout: id, version, at, who, what, ...facts });
