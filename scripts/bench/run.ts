import type { Bench } from './bench.js';
import { calibrate, stolen } from './machine.js';
import type { Outcome, Sample, Scenario } from './model.js';

/** Told after every round. */
export type OnRound = (contender: string, round: number, sample: Sample) => void;

/** What disturbed the machine while a part of the run went on; see `Circumstances`. */
export class Noise {
  private readonly spans: number[] = [];
  private readonly before = stolen();

  /** @param work a piece of work that is always the same; returns how long it took, ms */
  constructor(private readonly work: () => number = calibrate) {}

  /** Does a fixed piece of work and notes how long it took. */
  probe(): void {
    this.spans.push(this.work());
  }

  get calibration(): number {
    return this.spans.length === 0 ? 1 : Math.max(...this.spans) / Math.min(...this.spans);
  }

  get stolenPercent(): number {
    const now = stolen();
    const all = now.all - this.before.all;
    return all === 0 ? 0 : ((now.steal - this.before.steal) / all) * 100;
  }
}

/** How a scenario is to be run. */
export interface Plan {
  readonly bench: Bench;
  readonly rounds: number;
  readonly noise: Noise;
  readonly onRound: OnRound;
}

/** A round that failed; `cause` is why. */
export class RoundFailure extends Error {
  override readonly name = 'RoundFailure';
}

/**
 * Runs the contenders of a scenario in turn, A B A B, so that a slow minute hits them all alike.
 * @throws RoundFailure as soon as one of them fails: half an outcome is none
 */
export async function runScenario(
  scenario: Scenario,
  { bench, rounds, noise, onRound }: Plan,
): Promise<Outcome> {
  const samples = new Map<string, Sample[]>(scenario.contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of scenario.contenders) {
      noise.probe();
      const sample = await contender.round(bench).catch((cause: unknown) => {
        throw new RoundFailure(`${scenario.name}: ${contender.name} failed in round ${round}`, { cause });
      });
      samples.get(contender.name)?.push(sample);
      onRound(contender.name, round, sample);
    }
  }
  return { scenario, samples };
}
