import Type from 'typebox';
import type { Approval, OfferWindow, RolloutFilter, RolloutPlan, Weekday } from '../../core/rollouts/plan.js';
import type { Rhythm } from '../../core/rollouts/rhythm.js';
import type {
  Grant,
  Rollout,
  RolloutEntry,
  RolloutState,
  Stage,
  StageState,
  Staging,
} from '../../core/rollouts/rollout.js';
import {
  id,
  type Members,
  maybeNumber,
  maybeText,
  number,
  oneOf,
  owner,
  record,
  size,
  text,
  texts,
} from './members.js';

const state = oneOf<RolloutState>({
  scheduled: true,
  running: true,
  paused: true,
  halted: true,
  aborted: true,
  done: true,
});

const approval = oneOf<Approval>({ none: true, once: true, stage: true, device: true });

const offerWindow = record({
  days: Type.Array(
    oneOf<Weekday>({ mon: true, tue: true, wed: true, thu: true, fri: true, sat: true, sun: true }),
  ),
  from: text,
  to: text,
  timeZone: text,
} satisfies Members<OfferWindow>);

const plan = record({
  filter: record({
    platform: maybeText,
    tags: texts,
    versions: maybeText,
    udids: texts,
  } satisfies Members<RolloutFilter>),
  stages: Type.Array(Type.Union([record({ devices: number }), record({ percent: number })])),
  ratePerMinute: maybeNumber,
  window: Type.Optional(offerWindow),
  deadlineMs: number,
  probationMs: number,
  retries: number,
  successThreshold: number,
  failureThreshold: number,
  approval,
} satisfies Members<RolloutPlan>);

const stage = record({
  state: oneOf<StageState>({ waiting: true, approval: true, open: true, done: true }),
  goal: number,
  openedAt: maybeNumber,
  forced: Type.Boolean(),
  tally: record({ installed: size, failed: size }),
} satisfies Members<Stage>);

export const rollout = record({
  id,
  owner,
  firmware: text,
  version: text,
  plan,
  state,
  reason: maybeText,
  stage: size,
  stages: Type.Array(stage),
  population: size,
  approvedStage: Type.Integer({ minimum: -1 }),
  createdAt: number,
  changedAt: number,
  revision: Type.Integer({ minimum: 1 }),
} satisfies Members<Rollout>);

export const rolloutEntry = record({
  owner,
  rollout: text,
  version: text,
  at: number,
  who: text,
  what: text,
  stage: maybeNumber,
  udid: maybeText,
  rule: maybeText,
  evidence: maybeText,
} satisfies Members<RolloutEntry>);

/** What of a rollout stands in the record of its firmware. */
export const staging = record({
  rollout: id,
  state,
  stage: size,
  of: size,
  window: Type.Optional(offerWindow),
  approval,
  consented: Type.Boolean(),
  attempts: size,
} satisfies Members<Staging>);

/** What of a rollout stands in the record of a device. */
export const grant = record({
  rollout: id,
  firmware: text,
  stage: size,
  at: number,
  installedAt: maybeNumber,
  returns: size,
} satisfies Members<Grant>);

/** How a device comes and goes. */
export const rhythm = record({
  silence: number,
  between: maybeNumber,
  returnedAt: number,
} satisfies Members<Rhythm>);
