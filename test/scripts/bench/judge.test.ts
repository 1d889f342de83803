import { expect } from 'chai';
import { disagreement, judge, judgeAll, median } from '../../../scripts/bench/judge.js';
import type { Goal } from '../../../scripts/bench/model.js';
import { outcomeOf, versus } from './harness.js';

const AGAINST: Goal = { figure: 'x', against: 'peer', atMost: 1.5 };
const ALONE: Goal = { figure: 'x', against: undefined, atMost: 10 };

describe('bench: judge', () => {
  it('takes the middle one, or the mean of the two in the middle', () => {
    expect(median([9, 1, 10])).to.equal(9);
    expect(median([10, 1, 4, 2])).to.equal(3);
    expect(() => median([])).to.throw(RangeError);
  });

  for (const [what, values, apart] of [
    ['the largest divided by the smallest', [4, 2, 3], 2],
    ['1 if all are alike', [3, 3], 1],
    ['1 if all are zero', [0, 0], 1],
    ['Infinity if only some are zero', [0, 1], Number.POSITIVE_INFINITY],
    ['Infinity if some are below zero', [-2, 10], Number.POSITIVE_INFINITY],
    ['Infinity if all are below zero', [-3, -1], Number.POSITIVE_INFINITY],
    ['Infinity if one is no number', [1, Number.NaN], Number.POSITIVE_INFINITY],
  ] as const)
    it(`says how far values are apart: ${what}`, () => {
      expect(disagreement(values)).to.equal(apart);
    });

  describe('a ratio', () => {
    it('is the median of the ratios of the pairs, not the ratio of the medians', () => {
      const verdict = judge(versus([10, 40, 22], [10, 40, 20]), AGAINST);
      expect(verdict).to.deep.equal({
        goal: AGAINST,
        own: 22,
        other: 20,
        value: 1,
        disagreement: 1.1,
        reached: true,
      });
    });

    it('counts while its rounds are no more than half apart', () => {
      expect(judge(versus([2, 3], [2, 2]), AGAINST)).to.include({ value: 1.25, disagreement: 1.5 });
    });

    it('is refused beyond that, even if every round reaches the goal', () => {
      const verdict = judge(versus([0.2, 0.31], [1, 1]), AGAINST);
      expect(verdict).to.include({ value: undefined, reached: undefined });
      expect(verdict.disagreement).to.be.closeTo(1.55, 1e-9);
    });

    it('is refused if the peer did nothing', () => {
      for (const own of [0, 5])
        expect(judge(versus([own, own], [0, 0]), AGAINST)).to.include({
          value: undefined,
          disagreement: Number.POSITIVE_INFINITY,
        });
    });

    it('is refused if the peer has fewer rounds', () => {
      expect(judge(versus([1, 1], [1]), AGAINST).value).to.equal(undefined);
    });

    for (const [own, goal, reached] of [
      [15, { atMost: 1.5 }, true],
      [16, { atMost: 1.5 }, false],
      [10, { atLeast: 1 }, true],
      [9, { atLeast: 1 }, false],
    ] as const)
      it(`of ${own / 10} ${reached ? 'reaches' : 'misses'} ${JSON.stringify(goal)}`, () => {
        const verdict = judge(versus([own], [10]), { figure: 'x', against: 'peer', ...goal });
        expect(verdict.reached).to.equal(reached);
      });

    it('may be of another contender than the product', () => {
      const outcome = outcomeOf({ firmwire: [1], other: [6], peer: [3] });
      expect(judge(outcome, { ...AGAINST, of: 'other' })).to.include({ own: 6, other: 3, value: 2 });
    });
  });

  describe('a figure by itself', () => {
    it('is its median', () => {
      expect(judge(versus([8, 9, 10], []), ALONE)).to.deep.equal({
        goal: ALONE,
        own: 9,
        other: undefined,
        value: 9,
        disagreement: 1.25,
        reached: true,
      });
    });

    it('counts if every round says the same about the goal, however far apart they are', () => {
      expect(judge(versus([-1, 0, 9], []), ALONE)).to.include({ value: 0, reached: true });
      expect(judge(versus([11, 100, 30], []), ALONE)).to.include({ value: 30, reached: false });
    });

    it('is refused if its rounds are far apart and on both sides of the goal', () => {
      expect(judge(versus([0, 0, 11], []), ALONE)).to.include({ own: 0, value: undefined });
    });

    it('reaches zero only with zero in every round', () => {
      const none: Goal = { figure: 'x', against: undefined, atMost: 0 };
      expect(judge(versus([0, 0, 0], []), none)).to.include({ value: 0, reached: true });
      expect(judge(versus([0, 0, 1], []), none).reached).to.equal(undefined);
    });
  });

  it('complains about a figure that a contender did not measure, and names both', () => {
    expect(() => judge(versus([1], []), AGAINST)).to.throw('made-up: peer did not measure "x".');
    expect(() => judge(versus([1], [1]), { ...ALONE, figure: 'y' })).to.throw('firmwire did not measure "y"');
  });

  it('judges every goal of a scenario, in its order', () => {
    expect(judgeAll(versus([9], [9], [ALONE, AGAINST])).map(({ value }) => value)).to.deep.equal([9, 1]);
  });
});
