import { FIRMWIRE, type Goal, type Outcome } from './model.js';

/** Rounds whose ratios differ by more than this say nothing: the largest may be at most so many times the smallest. */
const MOST_DISAGREEMENT = 1.5;

/** What became of a goal. */
export interface Verdict {
  readonly goal: Goal;
  /** The median of Firmwire's rounds. */
  readonly own: number;
  /** The median of the contender's rounds; undefined if the goal is not about a contender. */
  readonly other: number | undefined;
  /** The median of the rounds' ratios, or of the figure itself; undefined if the rounds disagree. */
  readonly value: number | undefined;
  /** See `disagreement`, of what `value` is the median of. */
  readonly disagreement: number;
  /** Undefined if the rounds disagree. */
  readonly reached: boolean | undefined;
}

/** The middle one, or the mean of the two in the middle. @throws RangeError if there is none */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError('There is no median of nothing.');
  return (lower + upper) / 2;
}

/**
 * How far values are apart: the largest divided by the smallest; 1 if all are alike. Infinity if that says nothing: a
 * value is no number, or not all are above 0.
 */
export function disagreement(values: readonly number[]): number {
  if (!values.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
  const largest = Math.max(...values);
  const smallest = Math.min(...values);
  if (largest === smallest) return 1;
  return smallest > 0 ? largest / smallest : Number.POSITIVE_INFINITY;
}

function figuresOf({ samples, scenario }: Outcome, contender: string, figure: string): readonly number[] {
  const values = (samples.get(contender) ?? []).map((sample) => sample[figure]);
  if (values.length === 0 || !values.every((value) => value !== undefined))
    throw new Error(`${scenario.name}: ${contender} did not measure "${figure}".`);
  return values;
}

const isReached = (value: number, { atLeast, atMost }: Goal): boolean =>
  (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);

/**
 * Judges one goal. Rounds are compared in pairs: what disturbed the machine disturbed both of a pair. A ratio counts if
 * its rounds agree; a figure by itself also if every round says the same about the goal.
 * @throws Error if a contender did not measure the figure in every round
 */
export function judge(outcome: Outcome, goal: Goal): Verdict {
  const own = figuresOf(outcome, goal.of ?? FIRMWIRE, goal.figure);
  const other = goal.against === undefined ? undefined : figuresOf(outcome, goal.against, goal.figure);
  const values = other ? own.map((value, round) => value / (other[round] ?? Number.NaN)) : own;
  const apart = disagreement(values);
  const isClear = !other && new Set(own.map((value) => isReached(value, goal))).size === 1;
  const isSteady = apart <= MOST_DISAGREEMENT || isClear;
  const value = isSteady ? median(values) : undefined;
  return {
    goal,
    own: median(own),
    other: other && median(other),
    value,
    disagreement: apart,
    reached: value === undefined ? undefined : isReached(value, goal),
  };
}

/** Judges every goal of a scenario. */
export const judgeAll = (outcome: Outcome): Verdict[] =>
  outcome.scenario.goals.map((goal) => judge(outcome, goal));
