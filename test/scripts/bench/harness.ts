import { Bench } from '../../../scripts/bench/bench.js';
import { allowedCores } from '../../../scripts/bench/machine.js';
import {
  type Contender,
  FIRMWIRE,
  type Goal,
  type Outcome,
  type Sample,
} from '../../../scripts/bench/model.js';

/** A run on cores that this machine has; where there is only one, it is shared. */
export function newBench(): Bench {
  const cores = allowedCores();
  return new Bench({ cores: { server: cores.at(0) ?? 0, load: cores.at(-1) ?? 0 } });
}

/** An outcome in which one figure, `x`, was measured; a row of values for each contender. */
export function outcomeOf(
  rows: Readonly<Record<string, readonly number[]>>,
  goals: readonly Goal[] = [],
): Outcome {
  const samples = Object.entries(rows).map(
    ([name, values]) => [name, values.map((x) => ({ x }))] as [string, Sample[]],
  );
  const contenders = Object.keys(rows).map(
    (name): Contender => ({ name, round: () => Promise.reject(new Error('This outcome is made up.')) }),
  );
  return { scenario: { name: 'made-up', what: 'nothing', contenders, goals }, samples: new Map(samples) };
}

/** Firmwire's rounds and the peer's. */
export const versus = (own: readonly number[], peer: readonly number[], goals?: readonly Goal[]): Outcome =>
  outcomeOf({ [FIRMWIRE]: own, peer }, goals);
