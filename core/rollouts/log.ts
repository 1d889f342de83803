import type { Rollout, RolloutEntry } from './rollout.js';

/** What is done next by its owner is an approval. */
export const waitsForApproval = ({ state, stage, stages }: Rollout): boolean =>
  state === 'scheduled' || stages[stage]?.state === 'approval';

/** Why a person may not do that now. */
export const refusal = ({ state, stage }: Rollout): string =>
  `This cannot be done to a rollout that is ${state} at stage ${stage + 1}.`;

/** A line of the log about a rollout. */
export const entry = (
  { owner, id, version }: Rollout,
  who: string,
  what: string,
  at: number,
  facts: Partial<RolloutEntry> = {},
): RolloutEntry => ({ owner, rollout: id, version, at, who, what, ...facts });
