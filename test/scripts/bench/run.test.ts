import { expect } from 'chai';
import type { Bench } from '../../../scripts/bench/bench.js';
import type { Sample, Scenario } from '../../../scripts/bench/model.js';
import { Noise, RoundFailure, runScenario } from '../../../scripts/bench/run.js';
import { newBench } from './harness.js';

describe('bench: run', () => {
  let bench: Bench;
  before(() => {
    bench = newBench();
  });
  after(() => bench.close());

  /** Two contenders; how each answers its turns is told. */
  function scenarioOf(a: () => Promise<Sample>, b: () => Promise<Sample>): Scenario {
    const contenders = [
      { name: 'a', round: a },
      { name: 'b', round: b },
    ];
    return { name: 'fake', what: 'nothing', contenders, goals: [] };
  }
  const quiet = () => new Noise(() => 1);

  it('asks the contenders in turn, A B A B, and keeps their samples in that order', async () => {
    let turn = 0;
    const next = async (): Promise<Sample> => ({ turn: ++turn });
    const told: string[] = [];
    const onRound = (contender: string, round: number, sample: Sample) =>
      told.push(`${round} ${contender} ${sample['turn']}`);
    const { samples } = await runScenario(scenarioOf(next, next), {
      bench,
      rounds: 2,
      noise: quiet(),
      onRound,
    });
    expect(told).to.deep.equal(['1 a 1', '1 b 2', '2 a 3', '2 b 4']);
    expect(Object.fromEntries(samples)).to.deep.equal({
      a: [{ turn: 1 }, { turn: 3 }],
      b: [{ turn: 2 }, { turn: 4 }],
    });
  });

  it('does not begin a round before the one before has ended', async () => {
    let running = 0;
    const alone = async (): Promise<Sample> => {
      expect(++running).to.equal(1);
      await new Promise(setImmediate);
      running--;
      return {};
    };
    const plan = { bench, rounds: 2, noise: quiet(), onRound: () => {} };
    await runScenario(scenarioOf(alone, alone), plan);
  });

  it('hands the run to every round', async () => {
    const given: unknown[] = [];
    const round = async (each?: unknown): Promise<Sample> => {
      given.push(each);
      return {};
    };
    await runScenario(scenarioOf(round, round), { bench, rounds: 1, noise: quiet(), onRound: () => {} });
    expect(given).to.deep.equal([bench, bench]);
  });

  it('ends with the first round that fails, and names scenario and contender', async () => {
    const cause = new Error('no');
    let rounds = 0;
    const well = async (): Promise<Sample> => ({ rounds: ++rounds });
    const scenario = scenarioOf(well, () => Promise.reject(cause));
    const failure = await runScenario(scenario, {
      bench,
      rounds: 3,
      noise: quiet(),
      onRound: () => {},
    }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(RoundFailure).with.property('cause', cause);
    expect(failure).to.have.property('message', 'fake: b failed in round 1');
    expect(rounds).to.equal(1);
  });

  it('tells how far apart the same work was: the slowest divided by the fastest', async () => {
    const spans = [12, 10, 15, 11];
    const noise = new Noise(() => spans.shift() ?? 0);
    expect(noise.calibration).to.equal(1);
    const well = async (): Promise<Sample> => ({});
    await runScenario(scenarioOf(well, well), { bench, rounds: 2, noise, onRound: () => {} });
    expect(spans).to.deep.equal([]);
    expect(noise.calibration).to.equal(1.5);
  });

  it('tells stolen time as a share of all', () => {
    expect(new Noise().stolenPercent).to.be.within(0, 100);
  });
});
