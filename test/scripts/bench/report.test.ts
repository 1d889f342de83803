import { expect } from 'chai';
import type { Goal } from '../../../scripts/bench/model.js';
import {
  describeCircumstances,
  describeOutcomes,
  describeSample,
  jsonLine,
} from '../../../scripts/bench/report.js';
import { outcomeOf, versus } from './harness.js';

const CIRCUMSTANCES = {
  date: '2026-01-02T03:04:05.678Z',
  machine: '2 x Some CPU',
  node: '20.19.0',
  rounds: 3,
  calibration: 1.234,
  stolenPercent: 5.67,
};

const AT_MOST: Goal = { figure: 'x', against: 'peer', atMost: 1.5 };
const AT_LEAST: Goal = { figure: 'x', against: 'peer', atLeast: 2 };
const ALONE: Goal = { figure: 'x', against: undefined, atMost: 64 };

/** The cells of every line of the table. */
const cells = (...outcomes: readonly Parameters<typeof describeOutcomes>[0][number][]): string[][] =>
  describeOutcomes(outcomes)
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));

describe('bench: report', () => {
  it('is one table of all scenarios, with a line for each goal', () => {
    const second = outcomeOf({ firmwire: [1], other: [30], peer: [10] }, [{ ...AT_LEAST, of: 'other' }]);
    expect(cells(versus([110, 100], [100, 100], [AT_MOST, AT_LEAST, ALONE]), second)).to.deep.equal([
      ['scenario', 'figure', 'firmwire', 'peer', 'goal', 'result', 'spread'],
      ['made-up', 'x', '105', '100 (peer)', '<= 1.5 x', '1.05 x reached', '10 %'],
      ['made-up', 'x', '105', '100 (peer)', '>= 2 x', '1.05 x MISSED', '10 %'],
      ['made-up', 'x', '105', '-', '<= 64', '105 MISSED', '10 %'],
      ['made-up', 'x', '30.0 (other)', '10.0 (peer)', '>= 2 x', '3.00 x reached', '0 %'],
    ]);
  });

  it('has no ratio where the rounds disagree', () => {
    expect(cells(versus([1, 2], [1, 1], [AT_MOST]))[1]?.slice(-2)).to.deep.equal([
      'rounds disagree (2.0 x)',
      '100 %',
    ]);
    expect(cells(versus([1, 2], [0, 0], [AT_MOST]))[1]?.slice(-2)).to.deep.equal(['rounds disagree', '-']);
  });

  it('says how noisy the run was', () => {
    expect(describeCircumstances(CIRCUMSTANCES)).to.equal(
      '2026-01-02T03:04:05.678Z, 2 x Some CPU, Node 20.19.0, 3 rounds. ' +
        'Noise: the same work took up to 23 % longer, 5.7 % of the time was stolen.\n',
    );
  });

  it('is one line of JSON that holds everything', () => {
    const line = jsonLine(CIRCUMSTANCES, [versus([3, 3], [2, 2], [AT_MOST])]);
    expect(line).not.to.include('\n');
    const verdict = { ...AT_MOST, own: 3, other: 2, value: 1.5, disagreement: 1, reached: true };
    expect(JSON.parse(line)).to.deep.equal({
      ...CIRCUMSTANCES,
      scenarios: [
        {
          name: 'made-up',
          samples: { firmwire: [{ x: 3 }, { x: 3 }], peer: [{ x: 2 }, { x: 2 }] },
          verdicts: [verdict],
        },
      ],
    });
  });

  it('has no ratio in the JSON either where the rounds disagree', () => {
    const { scenarios } = JSON.parse(jsonLine(CIRCUMSTANCES, [versus([1, 2], [1, 1], [AT_MOST])]));
    expect(scenarios[0].verdicts).to.deep.equal([{ ...AT_MOST, own: 1.5, other: 1, disagreement: 2 }]);
  });

  it('shortens a sample to one line', () => {
    expect(describeSample({ ms: 12.3456, 'devices/s': 4321.9, lost: 0 })).to.equal(
      'ms 12.3, devices/s 4322, lost 0.00',
    );
  });
});
