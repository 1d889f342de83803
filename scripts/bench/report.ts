import { table } from '../cli/table.js';
import { judgeAll, type Verdict } from './judge.js';
import type { Outcome, Sample } from './model.js';

const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

const aimOf = ({ goal: { atLeast, atMost, against } }: Verdict): string => {
  const sign = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  return against === undefined ? sign : `${sign} x`;
};

function verdictOf({ reached, value, disagreement, goal }: Verdict): string {
  if (value === undefined)
    return Number.isFinite(disagreement)
      ? `rounds disagree (${disagreement.toFixed(1)} x)`
      : 'rounds disagree';
  const shown = goal.against === undefined ? figure(value) : `${value.toFixed(2)} x`;
  return `${shown} ${reached ? 'reached' : 'MISSED'}`;
}

/** Undefined if it cannot be told; see `disagreement`. */
const spreadOf = ({ disagreement }: Verdict): string | undefined =>
  Number.isFinite(disagreement) ? `${((disagreement - 1) * 100).toFixed(0)} %` : undefined;

const HEADER = ['scenario', 'figure', 'firmwire', 'peer', 'goal', 'result', 'spread'];

/** The run as a table: a line per goal. */
export function describeOutcomes(outcomes: readonly Outcome[]): string {
  const rows = outcomes.flatMap((outcome) =>
    judgeAll(outcome).map((verdict) => [
      outcome.scenario.name,
      verdict.goal.figure,
      `${figure(verdict.own)}${verdict.goal.of ? ` (${verdict.goal.of})` : ''}`,
      verdict.goal.against && `${figure(verdict.other ?? 0)} (${verdict.goal.against})`,
      aimOf(verdict),
      verdictOf(verdict),
      spreadOf(verdict),
    ]),
  );
  return table([HEADER, ...rows]);
}

/** What a contender measured in one round, as a line of progress. */
export const describeSample = (sample: Sample): string =>
  Object.entries(sample)
    .map(([name, value]) => `${name} ${figure(value)}`)
    .join(', ');

/** What the machine did besides, so that a reader knows what the figures are worth. */
export interface Circumstances {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly rounds: number;
  /** How far apart the same fixed piece of work was over the run: the slowest divided by the fastest. */
  readonly calibration: number;
  /** Time the hypervisor kept for others, percent. */
  readonly stolenPercent: number;
}

/** The run as one line of JSON; what is undefined is left out, and Infinity is null. */
export function jsonLine(circumstances: Circumstances, outcomes: readonly Outcome[]): string {
  const scenarios = outcomes.map((outcome) => ({
    name: outcome.scenario.name,
    samples: Object.fromEntries(outcome.samples),
    verdicts: judgeAll(outcome).map(({ goal, own, other, value, disagreement, reached }) => ({
      ...goal,
      own,
      other,
      value,
      disagreement,
      reached,
    })),
  }));
  return JSON.stringify({ ...circumstances, scenarios });
}

export const describeCircumstances = (c: Circumstances): string =>
  `${c.date}, ${c.machine}, Node ${c.node}, ${c.rounds} rounds. ` +
  `Noise: the same work took up to ${((c.calibration - 1) * 100).toFixed(0)} % longer, ${c.stolenPercent.toFixed(1)} % of the time was stolen.\n`;
