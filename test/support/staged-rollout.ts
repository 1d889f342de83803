import type { RolloutPlan } from '../../core/rollouts/plan.js';
import type { Grant, Rollout } from '../../core/rollouts/rollout.js';
import { newStages } from '../../core/rollouts/view.js';
import { HOUR, MINUTE, NOW, OWNER } from './builders.js';

/** One device, a tenth, all; a day to come back, two hours of probation, two retries; 90 % have to pass and 10 % may fail. */
export const aPlan = (change: Partial<RolloutPlan> = {}): RolloutPlan => ({
  filter: { platform: undefined, tags: [], versions: undefined, udids: [] },
  stages: [{ devices: 1 }, { percent: 10 }, { percent: 100 }],
  ratePerMinute: undefined,
  window: undefined,
  deadlineMs: 24 * HOUR,
  probationMs: 120 * MINUTE,
  retries: 2,
  successThreshold: 0.9,
  failureThreshold: 0.1,
  approval: 'none',
  ...change,
});

/** A rollout of `fw-1.1.0` that has not begun, for 100 devices. */
export function aRollout(change: Partial<Rollout> = {}): Rollout {
  const plan = change.plan ?? aPlan();
  const population = change.population ?? 100;
  return {
    id: 'ro-1',
    owner: OWNER,
    firmware: 'fw-1.1.0',
    version: '1.1.0',
    plan,
    state: 'scheduled',
    reason: undefined,
    stage: 0,
    stages: newStages(plan, population),
    population,
    approvedStage: -1,
    createdAt: NOW,
    changedAt: NOW,
    revision: 1,
    ...change,
  };
}

/** Let into the first stage at `NOW`. */
export const aGrant = (change: Partial<Grant> = {}): Grant => ({
  rollout: 'ro-1',
  firmware: 'fw-1.1.0',
  stage: 0,
  at: NOW,
  installedAt: undefined,
  returns: 0,
  ...change,
});
