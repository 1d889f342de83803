import type { Member, Verdict } from './judge.js';
import { judge } from './judge.js';
import { isLive, type Rollout, type Stage } from './rollout.js';
import { isOpen, opensAt } from './window.js';

/** What is known when a rollout is looked at. */
export interface Look {
  readonly now: number;
  readonly members: readonly Member[];
  /** How many more devices could be let in, whatever the stage. */
  readonly candidates: number;
  readonly controlShare: number;
}

/** What happened: each is a line of the owner's log. */
export interface Happening {
  readonly what: 'begun' | 'stage_opened' | 'stage_done' | 'halted' | 'done';
  readonly stage?: number;
  readonly rule?: string;
  readonly evidence?: string;
}

/** What comes of a look. */
export interface Step {
  readonly rollout: Rollout;
  /** How many devices may be let in now, before the rate is asked. */
  readonly room: number;
  readonly happened: readonly Happening[];
}

const minutes = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/**
 * One look at a rollout: judges it, opens and closes stages, and tells how many devices there is room for. Pure, and it follows from
 * stored facts alone, so that it may be repeated, and go on after a restart as if nothing had happened.
 */
export function look(rollout: Rollout, facts: Look): Step {
  if (!isLive(rollout)) return { rollout, room: 0, happened: [] };
  if (rollout.state === 'scheduled') return begin(rollout, facts);
  const stage = rollout.stages[rollout.stage];
  if (!stage) return { rollout, room: 0, happened: [] };

  const room = stage.goal - counted(facts.members);
  const before = rollout.stages[rollout.stage - 1]?.goal ?? 0;
  const judged: Verdict = judge(rollout.plan, {
    members: facts.members,
    stage: rollout.stage,
    size: stage.goal - before,
    isExhausted: facts.candidates === 0,
    hasRoom: room > 0,
    isLast: rollout.stage === rollout.stages.length - 1,
    controlShare: facts.controlShare,
  });
  // A person may let a stage pass in which somebody has been let in, and not what is being broken.
  const isTried = facts.members.some((member) => member.stage === rollout.stage);
  const verdict: Verdict = stage.forced && isTried && judged.kind !== 'halt' ? { kind: 'done' } : judged;
  if (verdict.kind === 'halt') return halt(rollout, facts.now, verdict.rule, verdict.evidence);
  // Those of earlier stages are still watched while their owner thinks.
  if (stage.state === 'approval') return waiting(rollout, APPROVAL, facts.now);
  switch (verdict.kind) {
    case 'done':
      // Nothing is opened while it is paused: that would be a new offer.
      return rollout.state === 'paused' ? { rollout, room: 0, happened: [] } : next(rollout, facts);
    case 'wait':
      return {
        ...waiting(rollout, verdict.reason, facts.now),
        room: rollout.state === 'running' ? roomNow(rollout, room, facts) : 0,
      };
  }
}

/** Why nothing happens until its owner says so. */
export const APPROVAL = 'waits for your approval';

function begin(rollout: Rollout, facts: Look): Step {
  const { plan } = rollout;
  if (plan.approval === 'once' && rollout.approvedStage < 0)
    return { rollout: says(rollout, APPROVAL, facts.now), room: 0, happened: [] };
  if (!isOpen(plan.window, facts.now)) return waiting(rollout, undefined, facts.now);
  const running: Rollout = { ...rollout, state: 'running', reason: undefined, changedAt: facts.now };
  const opened = open(running, 0, facts.now);
  return { rollout: opened, room: 0, happened: [{ what: 'begun' }, ...openings(opened)] };
}

/** The stage is over: the next one opens, or waits for its approval. */
function next(rollout: Rollout, facts: Look): Step {
  const done = withStage(rollout, rollout.stage, { state: 'done' }, facts.now);
  const happened: Happening[] = [{ what: 'stage_done', stage: rollout.stage + 1 }];
  const following = rollout.stage + 1;
  if (following >= rollout.stages.length)
    return {
      rollout: { ...done, state: 'done', reason: undefined },
      room: 0,
      happened: [...happened, { what: 'done' }],
    };
  // Who could be let into it is looked up once it is open: the next look sees them, or that there is nobody left.
  const opened = open(done, following, facts.now);
  return { rollout: opened, room: 0, happened: [...happened, ...openings(opened)] };
}

const openings = (rollout: Rollout): Happening[] =>
  rollout.stages[rollout.stage]?.state === 'open' ? [{ what: 'stage_opened', stage: rollout.stage + 1 }] : [];

function open(rollout: Rollout, index: number, now: number): Rollout {
  const isApproved = rollout.plan.approval !== 'stage' || rollout.approvedStage >= index;
  const change: Partial<Stage> = isApproved ? { state: 'open', openedAt: now } : { state: 'approval' };
  const opened = withStage({ ...rollout, stage: index }, index, change, now);
  return { ...opened, reason: isApproved ? undefined : APPROVAL };
}

function halt(rollout: Rollout, now: number, rule: string, evidence: string): Step {
  return {
    rollout: { ...rollout, state: 'halted', reason: evidence, changedAt: now },
    room: 0,
    happened: [{ what: 'halted', stage: rollout.stage + 1, rule, evidence }],
  };
}

function waiting(rollout: Rollout, reason: string | undefined, now: number): Step {
  const { window } = rollout.plan;
  const opening = rollout.state === 'paused' || isOpen(window, now) ? undefined : opensAt(window, now);
  const text = reason ?? (opening === undefined ? undefined : `its window opens at ${minutes(opening)} UTC`);
  return { rollout: rollout.state === 'paused' ? rollout : says(rollout, text, now), room: 0, happened: [] };
}

/** Changes nothing if it says so already: what is not changed is not stored. */
const says = (rollout: Rollout, reason: string | undefined, now: number): Rollout =>
  rollout.reason === reason ? rollout : { ...rollout, reason, changedAt: now };

function roomNow({ plan }: Rollout, room: number, { now, candidates }: Look): number {
  return isOpen(plan.window, now) ? Math.max(0, Math.min(room, candidates)) : 0;
}

const counted = (members: readonly Member[]): number =>
  members.filter(({ standing }) => standing.state !== 'excused').length;

const withStage = (rollout: Rollout, index: number, change: Partial<Stage>, now: number): Rollout => ({
  ...rollout,
  stages: rollout.stages.map((stage, i) => (i === index ? { ...stage, ...change } : stage)),
  changedAt: now,
});

/** What a person may do. @returns undefined if it cannot be done in this state */
export function pause(rollout: Rollout, now: number): Rollout | undefined {
  if (rollout.state !== 'running' && rollout.state !== 'scheduled') return undefined;
  return { ...rollout, state: 'paused', reason: 'paused by its owner', changedAt: now };
}

export function resume(rollout: Rollout, now: number): Rollout | undefined {
  if (rollout.state !== 'paused') return undefined;
  const hasBegun = rollout.stages[0]?.openedAt !== undefined || rollout.stages[0]?.state === 'approval';
  return { ...rollout, state: hasBegun ? 'running' : 'scheduled', reason: undefined, changedAt: now };
}

export function abort(rollout: Rollout, now: number): Rollout | undefined {
  return isLive(rollout)
    ? { ...rollout, state: 'aborted', reason: 'aborted by its owner', changedAt: now }
    : undefined;
}

/** Approves what waits for approval; else lets the open stage pass as it is. */
export function advance(rollout: Rollout, now: number): Rollout | undefined {
  if (rollout.state === 'scheduled')
    return rollout.plan.approval === 'once' && rollout.approvedStage < 0
      ? { ...rollout, approvedStage: rollout.stages.length, reason: undefined, changedAt: now }
      : undefined;
  if (rollout.state !== 'running') return undefined;
  const stage = rollout.stages[rollout.stage];
  if (stage?.state === 'approval')
    return {
      ...withStage(rollout, rollout.stage, { state: 'open', openedAt: now }, now),
      approvedStage: rollout.stage,
      reason: undefined,
    };
  return stage?.state === 'open' ? withStage(rollout, rollout.stage, { forced: true }, now) : undefined;
}
