import { type RolloutPlan, SAFE_STAGES } from '../../core/rollouts/plan.js';
import type { Rollout, RolloutEntry } from '../../core/rollouts/rollout.js';
import { HOUR, NOW, OWNER } from './builders.js';

/** One device, then 1 %, 10 %, half, all of whatever the firmware is meant for; nobody has to approve. */
export const aPlan = (change: Partial<RolloutPlan> = {}): RolloutPlan => ({
  filter: { platform: undefined, tags: [], versions: undefined, udids: [] },
  stages: SAFE_STAGES,
  ratePerMinute: undefined,
  window: undefined,
  deadlineMs: 24 * HOUR,
  probationMs: HOUR,
  retries: 1,
  successThreshold: 0.9,
  failureThreshold: 0.1,
  approval: 'none',
  ...change,
});

/** A rollout of version 1.1.0 to ten devices that was made at `NOW` and has not begun. */
export const aRollout = (change: Partial<Rollout> = {}): Rollout => ({
  id: 'rollout-1',
  owner: OWNER,
  firmware: 'fw-1.1.0',
  version: '1.1.0',
  plan: aPlan(),
  state: 'scheduled',
  reason: undefined,
  stage: 0,
  stages: [1, 2, 3, 5, 10].map((goal) => ({
    state: 'waiting',
    goal,
    openedAt: undefined,
    forced: false,
    tally: { installed: 0, failed: 0 },
  })),
  population: 10,
  approvedStage: -1,
  createdAt: NOW,
  changedAt: NOW,
  revision: 1,
  ...change,
});

/** The line that says that the server has made `aRollout`. */
export const aDecision = (change: Partial<RolloutEntry> = {}): RolloutEntry => ({
  owner: OWNER,
  rollout: 'rollout-1',
  version: '1.1.0',
  at: NOW,
  who: 'server',
  what: 'created',
  ...change,
});
