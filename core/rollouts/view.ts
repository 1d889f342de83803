import { iso } from '../view.js';
import { type Approval, goalsOf } from './plan.js';
import type { Rollout, RolloutState, StageState } from './rollout.js';

/** A rollout as its owner sees it, over HTTP and retained on `/<owner>/rtm/rollouts/<id>`. Times are ISO 8601, UTC. */
export interface RolloutView {
  readonly id: string;
  readonly firmware: string;
  readonly version: string;
  readonly state: RolloutState;
  /** Why it is in this state, or what it waits for; null if there is nothing to say. */
  readonly reason: string | null;
  readonly approval: Approval;
  /** Devices it is for. */
  readonly devices: number;
  readonly stages: readonly StageView[];
  readonly createdAt: string;
  readonly changedAt: string;
}

export interface StageView {
  readonly state: StageState;
  /** Devices of this stage alone; `installed`, `failed` and `pending` add up to them. */
  readonly devices: number;
  readonly installed: number;
  readonly failed: number;
  readonly pending: number;
}

export function viewRollout(rollout: Rollout): RolloutView {
  let before = 0;
  return {
    id: rollout.id,
    firmware: rollout.firmware,
    version: rollout.version,
    state: rollout.state,
    reason: rollout.reason ?? null,
    approval: rollout.plan.approval,
    devices: rollout.population,
    stages: rollout.stages.map(({ state, goal, tally }) => {
      const { installed, failed } = tally;
      const devices = Math.max(goal - before, installed + failed);
      before = goal;
      return { state, devices, installed, failed, pending: devices - installed - failed };
    }),
    createdAt: iso(rollout.createdAt),
    changedAt: iso(rollout.changedAt),
  };
}

/** The stages of a rollout that has not begun. */
export const newStages = (plan: Rollout['plan'], population: number): Rollout['stages'] =>
  goalsOf(plan.stages, population).map((goal) => ({
    state: 'waiting',
    goal,
    openedAt: undefined,
    forced: false,
    tally: { installed: 0, failed: 0 },
  }));
