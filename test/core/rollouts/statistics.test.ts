import { expect } from 'chai';
import fc from 'fast-check';
import { median, tail, upperShare } from '../../../core/rollouts/statistics.js';

/** The same by exact integers: p is a share of 100. */
function exactTail(bad: number, all: number, percent: number): number {
  let choose = 1n;
  let sum = 0n;
  for (let k = 0; k <= all; k++) {
    if (k >= bad) sum += choose * BigInt(percent) ** BigInt(k) * BigInt(100 - percent) ** BigInt(all - k);
    choose = (choose * BigInt(all - k)) / BigInt(k + 1);
  }
  // Twenty digits are more than a number holds.
  return Number((sum * 10n ** 20n) / 100n ** BigInt(all)) / 1e20;
}

describe('the upper tail of the binomial distribution', () => {
  const rows: [bad: number, all: number, p: number, expected: number][] = [
    [0, 10, 0.3, 1],
    [0, 0, 0.3, 1],
    [1, 1, 0.05, 0.05],
    [2, 2, 0.05, 0.0025],
    [1, 2, 0.5, 0.75],
    [1, 3, 0.01, 1 - 0.99 ** 3],
    [3, 3, 0.1, 0.001],
    [8, 10, 0.1, 45 * 0.1 ** 8 * 0.9 ** 2 + 10 * 0.1 ** 9 * 0.9 + 0.1 ** 10],
    [5, 10, 0.5, 0.623046875],
    [10, 10, 0.5, 0.5 ** 10],
    [3, 2, 0.5, 0],
    [1, 5, 0, 0],
    [3, 5, 1, 1],
  ];
  for (const [bad, all, p, expected] of rows)
    it(`${bad} of ${all} at ${p}: ${expected}`, () =>
      expect(tail(bad, all, p)).to.be.closeTo(expected, expected * 1e-9));

  it('is what exact integers give, to eight digits, also beyond the table of factorials', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400 }),
        fc.nat(400),
        fc.integer({ min: 1, max: 99 }),
        (all, k, percent) => {
          const bad = Math.min(k, all);
          const exact = exactTail(bad, all, percent);
          expect(tail(bad, all, percent / 100)).to.be.closeTo(exact, Math.max(1e-12, exact * 1e-8));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('falls with each one more that goes wrong, and stays a probability for whole fleets', () => {
    let before = 1;
    for (let bad = 0; bad <= 100_000; bad += 500) {
      const chance = tail(bad, 100_000, 0.05);
      expect(chance)
        .to.be.at.least(0)
        .and.at.most(before + 1e-9);
      before = chance;
    }
    expect(before).to.equal(0);
  });
});

describe('the upper end of a share', () => {
  it('nobody seen says nothing', () => expect(upperShare(0, 0)).to.equal(0));
  // Wilson 1927, z = 2: (p + z^2/2n + z * sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
  for (const [bad, all, expected] of [
    [0, 4, 0.5],
    [0, 100, 4 / 104],
    [100, 100, 1],
    [50, 100, 0.5981],
  ] as const)
    it(`${bad} of ${all}: ${expected}`, () => expect(upperShare(bad, all)).to.be.closeTo(expected, 1e-4));

  it('lies above what was seen, and comes nearer the more were seen', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.nat(1000), (all, k) => {
        const bad = Math.min(k, all);
        const [near, far] = [upperShare(bad * 10, all * 10), upperShare(bad, all)];
        expect(near).to.be.at.least(bad / all - 1e-12);
        expect(far)
          .to.be.at.least(near - 1e-12)
          .and.at.most(1);
      }),
    );
  });
});

describe('the median', () => {
  it('of none is none', () => expect(median([])).to.equal(undefined));
  it('is the middle one by size, not by text', () => expect(median([100, 9, 20])).to.equal(20));
  it('leaves its input as it is', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).to.deep.equal([3, 1, 2]);
  });
});
