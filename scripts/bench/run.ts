import { calibrate, stolen } from './machine.js';
import type { Outcome, Sample, Scenario } from './model.js';

/** Told after every round. */
export type OnRound = (contender: string, round: number, sample: Sample) => void;

/** What disturbed the machine while a part of the run went on; see `Circumstances`. */
export class Noise {
  private readonly spans: number[] = [];
  private readonly before = stolen();

  /** Does a fixed piece of work and notes how long it took. */
  probe(): void {
    this.spans.push(calibrate());
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

/** Runs the contenders of a scenario in turn, A B A B, so that a slow minute hits them all alike. */
export async function runScenario(
  scenario: Scenario,
  rounds: number,
  noise: Noise,
  onRound: OnRound,
): Promise<Outcome> {
  const samples = new Map<string, Sample[]>(scenario.contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, round: measure } of scenario.contenders) {
      noise.probe();
      const sample = await measure();
      samples.get(name)?.push(sample);
      onRound(name, round, sample);
    }
  }
  return { scenario, samples };
}
