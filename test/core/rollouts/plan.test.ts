import { expect } from 'chai';
import fc from 'fast-check';
import { goalsOf, type RolloutPlan, SAFE_STAGES, type StageGoal } from '../../../core/rollouts/plan.js';
import { type PlanDefaults, type RolloutWish, readPlan } from '../../../core/rollouts/read-plan.js';
import { HOUR, MINUTE } from '../../support/builders.js';

const percents = (...shares: number[]): StageGoal[] => shares.map((percent) => ({ percent }));

describe('goals of stages: percentages are of the whole, and cumulative', () => {
  for (const [name, stages, population, expected] of [
    ['a count, then shares', [{ devices: 1 }, ...percents(10, 100)], 1000, [1, 100, 1000]],
    ['safe stages of a big fleet', SAFE_STAGES, 10_000, [1, 100, 1000, 5000, 10_000]],
    ['a share is rounded up', percents(1, 100), 150, [2, 150]],
    ['7 % of 100 are 7', percents(7, 14, 28, 55, 100), 100, [7, 14, 28, 55, 100]],
    ['0.7 % of 10,000 are 70', percents(0.7), 10_000, [70]],
    ['each stage has one more as long as there are any', SAFE_STAGES, 4, [1, 2, 3, 4, 4]],
    ['none has more than there are', [{ devices: 5 }, { devices: 50 }], 20, [5, 20]],
    ['a count below the share before', [{ percent: 50 }, { devices: 10 }], 100, [50, 51]],
    ['nobody', SAFE_STAGES, 0, [0, 0, 0, 0, 0]],
    ['it may end before all have it', percents(10, 50), 100, [10, 50]],
  ] as const)
    it(`${name}: ${expected.join(', ')}`, () => expect(goalsOf(stages, population)).to.deep.equal(expected));

  it('a whole share of a whole fleet is never one too many', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 100 }),
        (hundreds, percent) => {
          expect(goalsOf(percents(percent), hundreds * 100)).to.deep.equal([hundreds * percent]);
        },
      ),
    );
  });

  it('goals never fall, and never pass the fleet', () => {
    const goal = fc.oneof(
      fc.record({ devices: fc.integer({ min: 1, max: 300 }) }),
      fc.record({ percent: fc.double({ min: 0.01, max: 100, noNaN: true }) }),
    );
    fc.assert(
      fc.property(fc.array(goal, { minLength: 1, maxLength: 8 }), fc.nat(500), (stages, population) => {
        const goals = goalsOf(stages, population);
        expect(goals).to.have.length(stages.length);
        goals.forEach((each, i) => {
          const before = goals[i - 1] ?? 0;
          expect(each).to.be.at.most(population).and.at.least(before);
          if (before < population) expect(each).to.be.above(before);
        });
      }),
    );
  });
});

const DEFAULTS: PlanDefaults = {
  deadlineMs: 24 * HOUR,
  probationMs: 2 * HOUR,
  retries: 2,
  successThreshold: 0.9,
  failureThreshold: 0.1,
};
const plan = (wish: Partial<RolloutWish>): RolloutPlan => readPlan({ firmware: 'f', ...wish }, DEFAULTS);

describe('what an owner asks for becomes a plan', () => {
  it('what is left out has its default', () => {
    expect(plan({})).to.deep.equal({
      ...DEFAULTS,
      filter: { platform: undefined, tags: [], versions: undefined, udids: [] },
      stages: SAFE_STAGES,
      ratePerMinute: undefined,
      window: undefined,
      approval: 'none',
    });
  });

  it('what is said counts, zeroes too; minutes may be fractions', () => {
    const filter = { platform: 'arduino', tags: ['lab'], versions: '>=1 <2', udids: ['u'] };
    const wish = {
      filter,
      stages: [{ devices: 2 }],
      ratePerMinute: 0.5,
      window: { from: '22:00', to: '04:00' },
      deadlineMinutes: 0.25,
      probationMinutes: 0,
      retries: 0,
      successThreshold: 0,
      failureThreshold: 0,
      approval: 'stage',
    } as const;
    expect(plan(wish)).to.deep.equal({
      filter,
      stages: [{ devices: 2 }],
      ratePerMinute: 0.5,
      window: { from: '22:00', to: '04:00', days: [], timeZone: 'UTC' },
      deadlineMs: MINUTE / 4,
      probationMs: 0,
      retries: 0,
      successThreshold: 0,
      failureThreshold: 0,
      approval: 'stage',
    });
  });

  const window = (change: object) => ({ window: { from: '02:00', to: '05:00', ...change } });
  const bad: [field: string, why: string, wish: Partial<RolloutWish>][] = [
    ['stages', 'none', { stages: [] }],
    ['stages', 'shares that fall', { stages: percents(10, 5) }],
    ['stages', 'the same share twice', { stages: percents(10, 10) }],
    ['stages', 'counts that fall', { stages: [{ devices: 5 }, { devices: 3 }] }],
    [
      'stages',
      'counts that fall, with a share between',
      { stages: [{ devices: 5 }, { percent: 50 }, { devices: 5 }] },
    ],
    ['filter.versions', 'no range', { filter: { versions: 'newer than mine' } }],
    ['window.timeZone', 'no such place', window({ timeZone: 'Europe/Atlantis' })],
    ['window', 'never open', window({ to: '02:00' })],
  ];
  for (const [field, why, wish] of bad)
    it(`${field}, ${why}: field_invalid names it`, () => {
      expect(() => plan(wish))
        .to.throw(new RegExp(`^${field}: `))
        .with.property('code', 'field_invalid');
    });

  for (const versions of ['>=1.2 <2', '1.x', '^1.0.0 || 3', '*'])
    it(`the range ${versions} is taken`, () =>
      expect(plan({ filter: { versions } }).filter.versions).to.equal(versions));
});
