import type { Standing } from './member.js';
import type { RolloutPlan } from './plan.js';
import { tail } from './statistics.js';

/** A device that was let in. */
export interface Member {
  readonly udid: string;
  readonly stage: number;
  readonly standing: Standing;
  /** The kinds of device it stands for. */
  readonly groups: readonly string[];
}

/** Why a rollout halts: the rule, and what it saw, in words. */
export interface Halt {
  readonly rule: 'failure_threshold' | 'success_threshold' | 'evidence';
  readonly evidence: string;
}

export type Verdict =
  | ({ readonly kind: 'halt' } & Halt)
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly reason: string | undefined };

/** Of healthy devices so many look broken for a while at any one moment: out of reach, switched off, restarted by their people. */
const NATURAL_SUSPECTS = 0.05;
/** Of healthy devices so many stay away past their deadline. */
const NATURAL_LOSSES = 0.01;
/**
 * What is seen would come about by chance so rarely. It is looked at hundreds of times in a rollout, and a good firmware may be
 * halted in one rollout of a hundred at most (`npm run bench:safety` counts).
 */
const SURE = 1e-4;
/** What is seen is strange enough to wait until it is explained, and no more. */
const DOUBTFUL = 0.05;
/** One device is no evidence. */
const FEWEST = 2;

/** How many members of a kind stand how. */
export interface Tally {
  /** Not excused. */
  counted: number;
  passed: number;
  failed: number;
  /** Has taken the firmware. */
  taken: number;
  /** Of these: looks broken, or has failed. */
  suspect: number;
  /** Of these: nothing more can happen. */
  resolved: number;
  lost: number;
}

const emptyTally = (): Tally => ({
  counted: 0,
  passed: 0,
  failed: 0,
  taken: 0,
  suspect: 0,
  resolved: 0,
  lost: 0,
});

export function add(tally: Tally, { state, isSuspect }: Standing): void {
  if (state === 'excused') return;
  tally.counted++;
  if (state === 'passed') tally.passed++;
  if (state === 'failed') tally.failed++;
  // Who failed without having taken it says something about its network, not about the firmware.
  const hasTaken = state === 'away' || state === 'probation' || state === 'passed' || isSuspect;
  if (!hasTaken) return;
  tally.taken++;
  if (isSuspect) tally.suspect++;
  if (state !== 'passed' && state !== 'failed') return;
  tally.resolved++;
  if (state === 'failed') tally.lost++;
}

/** Nothing more happens by itself in a stage that nobody has passed: those that were merely cancelled never open the next. */
export const NOBODY = 'nobody of this stage has passed: it waits until somebody does, or you let it pass';

export interface Bench {
  readonly members: Iterable<Member>;
  /** The stage that is open, and how many devices it is to have by itself. */
  readonly stage: number;
  readonly size: number;
  /** Nobody is left who could be let in. */
  readonly isExhausted: boolean;
  /** There is room for more devices in this stage. */
  readonly hasRoom: boolean;
  /** After it nobody watches any more, so each device is waited for. */
  readonly isLast: boolean;
  /** The share of devices that have not got the firmware and look broken just so: their network may be the reason. */
  readonly controlShare: number;
}

/** Judges a stage by all that is known of its devices, and the rollout by all devices of all stages. */
export function judge(plan: RolloutPlan, bench: Bench): Verdict {
  const own = emptyTally();
  const all = emptyTally();
  const groups = new Map<string, Tally>();
  let isEmpty = true;
  for (const { stage, standing, groups: kinds } of bench.members) {
    if (stage === bench.stage) {
      isEmpty = false;
      add(own, standing);
    }
    add(all, standing);
    for (const kind of kinds) {
      const tally = groups.get(kind) ?? emptyTally();
      add(tally, standing);
      groups.set(kind, tally);
    }
  }
  const halt = evidenceAgainst(all, groups, bench.controlShare) ?? thresholds(plan, bench, own);
  if (halt) return { kind: 'halt', ...halt };
  if (bench.hasRoom && !bench.isExhausted) return { kind: 'wait', reason: undefined };
  if (own.passed === 0 && !isEmpty)
    return { kind: 'wait', reason: own.failed === own.counted ? NOBODY : undefined };
  if (own.passed < plan.successThreshold * own.counted) return { kind: 'wait', reason: undefined };
  if (bench.isLast && own.passed + own.failed < own.counted) return { kind: 'wait', reason: undefined };
  const doubt = doubts(all, groups);
  return doubt === undefined ? { kind: 'done' } : { kind: 'wait', reason: doubt };
}

function thresholds(plan: RolloutPlan, { size, isExhausted, hasRoom }: Bench, own: Tally): Halt | undefined {
  const whole = isExhausted || !hasRoom ? Math.max(1, own.counted) : Math.max(size, own.counted);
  if (own.failed > plan.failureThreshold * whole)
    return {
      rule: 'failure_threshold',
      evidence: `${own.failed} of ${whole} devices of this stage failed, more than ${percent(plan.failureThreshold)}`,
    };
  // Even if all others pass it cannot be met any more.
  if (whole - own.failed < plan.successThreshold * whole)
    return {
      rule: 'success_threshold',
      evidence: `${own.failed} of ${whole} devices of this stage failed: ${percent(plan.successThreshold)} cannot pass any more`,
    };
  return undefined;
}

function evidenceAgainst(
  all: Tally,
  groups: ReadonlyMap<string, Tally>,
  controlShare: number,
): Halt | undefined {
  const natural = Math.max(NATURAL_SUSPECTS, controlShare);
  const whole = against(all, natural, SURE, '');
  if (whole) return whole;
  // Many kinds are looked at: each has to be the more certain.
  for (const [kind, tally] of groups) {
    const found = against(tally, natural, SURE / groups.size, ` with ${kind}`);
    if (found) return found;
  }
  return undefined;
}

function against(
  { taken, suspect, resolved, lost }: Tally,
  natural: number,
  sure: number,
  of: string,
): Halt | undefined {
  if (lost >= FEWEST && tail(lost, resolved, NATURAL_LOSSES) < sure)
    return {
      rule: 'evidence',
      evidence: `${lost} of ${resolved} updated devices${of} were lost by their deadline`,
    };
  if (suspect >= FEWEST && tail(suspect, taken, natural) < sure)
    return {
      rule: 'evidence',
      evidence: `${suspect} of ${taken} updated devices${of} did not come back or stay as they used to, within 4x their usual time`,
    };
  return undefined;
}

/** Something that has to be explained before more devices are let in: those that are away may come back. */
function doubts(all: Tally, groups: ReadonlyMap<string, Tally>): string | undefined {
  const whole = doubtOf(all, DOUBTFUL, '');
  if (whole !== undefined) return whole;
  for (const [kind, tally] of groups) {
    const doubt = doubtOf(tally, DOUBTFUL / Math.sqrt(groups.size), ` with ${kind}`);
    if (doubt !== undefined) return doubt;
  }
  return undefined;
}

function doubtOf({ taken, suspect, lost }: Tally, limit: number, of: string): string | undefined {
  if (suspect === lost || tail(suspect, taken, NATURAL_LOSSES) >= limit) return undefined;
  return `waits for ${suspect - lost} of ${taken} updated devices${of} that are away longer than usual`;
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
