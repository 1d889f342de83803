import type { RolloutPlan } from './plan.js';

/**
 * `scheduled`: it has not begun; `running`; `paused`: no new offers; `halted`: it stopped itself, or its firmware was withdrawn;
 * `aborted`: a person ended it; `done`. docs/rollouts.md has the diagram.
 */
export type RolloutState = 'scheduled' | 'running' | 'paused' | 'halted' | 'aborted' | 'done';

/** `waiting`: for the stages before; `approval`: for its owner; `open`: devices are let in; `done`. */
export type StageState = 'waiting' | 'approval' | 'open' | 'done';

/** One stage of a rollout. */
export interface Stage {
  readonly state: StageState;
  /** How many devices are to have the firmware at its end, counted from the beginning. */
  readonly goal: number;
  /** When it opened, ms since the epoch. */
  readonly openedAt: number | undefined;
  /** A person has let it pass although its threshold was not met. */
  readonly forced: boolean;
}

/** One firmware on its way to many devices, as it is stored. Which devices are in it stands in their own records. */
export interface Rollout {
  readonly id: string;
  readonly owner: string;
  readonly firmware: string;
  readonly version: string;
  readonly plan: RolloutPlan;
  readonly state: RolloutState;
  /** Why it is in this state, for a person. */
  readonly reason: string | undefined;
  /** The stage that is being worked at, from 0. */
  readonly stage: number;
  readonly stages: readonly Stage[];
  /** Devices it is for, as counted at its beginning. */
  readonly population: number;
  /** The owner's approval stands for the consent of the devices of all stages up to this one, -1: of none. */
  readonly approvedStage: number;
  readonly createdAt: number;
  readonly changedAt: number;
  /** 1 when it is made, and one more with each change: of two changes of the same revision one is made. */
  readonly revision: number;
}

/** One line of an owner's log of decisions, which only grows. */
export interface RolloutEntry {
  readonly owner: string;
  readonly rollout: string;
  readonly version: string;
  /** ms since the epoch. */
  readonly at: number;
  /** `server`, or the id of the key that somebody used. */
  readonly who: string;
  /** What was decided: `created`, `begun`, `stage_opened`, `stage_done`, `approved`, `advanced`, `paused`, `resumed`, `halted`, `aborted`, `done`, `rolled_back`, .. */
  readonly what: string;
  /** Which stage, from 1. */
  readonly stage?: number;
  /** Which device. */
  readonly udid?: string;
  /** By which rule, and on what evidence, in words. */
  readonly rule?: string;
  readonly evidence?: string;
}

/** It may still offer the firmware to somebody. */
export const isLive = ({ state }: Pick<Rollout, 'state'>): boolean =>
  state === 'scheduled' || state === 'running' || state === 'paused';

/** A device's place in a rollout, kept in its record. */
export interface Grant {
  readonly rollout: string;
  readonly firmware: string;
  readonly stage: number;
  /** When it was let in, ms since the epoch. */
  readonly at: number;
  /** When it came back with the firmware the first time. */
  readonly installedAt: number | undefined;
  /** How often it has come back since then: a healthy device stays. */
  readonly returns: number;
}

/** What of a rollout a decision rests on: kept with its firmware, so that every node and every decision knows. */
export interface Staging {
  readonly rollout: string;
  readonly state: RolloutState;
  /** Of how many stages which, from 1. */
  readonly stage: number;
  readonly of: number;
  readonly window: RolloutPlan['window'];
  readonly approval: RolloutPlan['approval'];
  /** The owner's approval is the consent of the devices that were let in. */
  readonly consented: boolean;
  /** Complete transfers and failures that end it for a device. */
  readonly attempts: number;
}

export const stagingOf = (rollout: Rollout): Staging => ({
  rollout: rollout.id,
  state: rollout.state,
  stage: rollout.stage + 1,
  of: rollout.stages.length,
  window: rollout.plan.window,
  approval: rollout.plan.approval,
  consented: rollout.approvedStage >= 0,
  attempts: rollout.plan.retries + 1,
});
