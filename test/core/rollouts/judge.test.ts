import { expect } from 'chai';
import { type Bench, judge, type Member, NOBODY, type Verdict } from '../../../core/rollouts/judge.js';
import type { MemberState, Standing } from '../../../core/rollouts/member.js';
import type { RolloutPlan } from '../../../core/rollouts/plan.js';
import { aPlan } from '../../support/staged-rollout.js';

const NAMES = {
  pending: { state: 'pending', reason: undefined, isSuspect: false },
  away: { state: 'away', reason: undefined, isSuspect: false },
  late: { state: 'away', reason: undefined, isSuspect: true },
  probation: { state: 'probation', reason: undefined, isSuspect: false },
  shaky: { state: 'probation', reason: undefined, isSuspect: true },
  passed: { state: 'passed', reason: undefined, isSuspect: false },
  /** Was told and did nothing. */
  silent: { state: 'failed', reason: 'silent', isSuspect: false },
  /** Took it, and something is wrong. */
  lost: { state: 'failed', reason: 'silent', isSuspect: true },
  excused: { state: 'excused', reason: 'declined', isSuspect: false },
} as const satisfies Record<string, Standing>;

type Crowd = Partial<Record<keyof typeof NAMES, number>>;

/** So many members of each name, all of this stage and of these kinds. */
const members = (crowd: Crowd, groups: readonly string[] = ['platform a'], stage = 1): Member[] =>
  Object.entries(NAMES).flatMap(([name, standing]) =>
    Array.from({ length: crowd[name as keyof typeof NAMES] ?? 0 }, (_, n) => ({
      udid: `${stage} ${groups.join()} ${name} ${n}`,
      stage,
      standing,
      groups,
    })),
  );

/** A full stage in the middle of a rollout, with more devices to come. */
const bench = (all: readonly Member[], change: Partial<Bench> = {}): Bench => {
  const own = all.filter(
    ({ stage, standing }) => stage === 1 && standing.state !== ('excused' satisfies MemberState),
  );
  return {
    members: all,
    stage: 1,
    size: own.length,
    isExhausted: false,
    hasRoom: false,
    isLast: false,
    controlShare: 0,
    ...change,
  };
};

const brief = (verdict: Verdict): string => {
  if (verdict.kind === 'halt') return `halt ${verdict.rule}`;
  if (verdict.kind === 'done' || verdict.reason === undefined) return verdict.kind;
  return verdict.reason === NOBODY ? 'nobody' : 'doubt';
};

function rows(
  title: string,
  cases: readonly [
    name: string,
    crowd: Crowd,
    expected: string,
    change?: Partial<Bench>,
    plan?: Partial<RolloutPlan>,
  ][],
): void {
  describe(title, () => {
    for (const [name, crowd, expected, change, plan] of cases)
      it(`${name}: ${expected}`, () =>
        expect(brief(judge(aPlan(plan), bench(members(crowd), change)))).to.equal(expected));
  });
}

rows('a stage is done only when enough have passed', [
  ['all passed', { passed: 10 }, 'done'],
  ['nine of ten passed, one is on probation', { passed: 9, probation: 1 }, 'done'],
  ['eight of ten passed', { passed: 8, probation: 2 }, 'wait'],
  ['nobody has taken it', { pending: 10 }, 'wait'],
  ['all are away', { away: 10 }, 'wait'],
  ['all are on probation', { probation: 10 }, 'wait'],
  ['all passed, and there is room for more', { passed: 10 }, 'wait', { size: 20, hasRoom: true }],
  [
    'all passed, there is room and nobody left',
    { passed: 10 },
    'done',
    { size: 20, hasRoom: true, isExhausted: true },
  ],
  ['all were cancelled, and nobody is left', { excused: 10 }, 'nobody', { hasRoom: true, isExhausted: true }],
  [
    'all failed, which is allowed',
    { silent: 10 },
    'nobody',
    {},
    { successThreshold: 0, failureThreshold: 1 },
  ],
  ['there never was anybody', {}, 'done', { hasRoom: true, isExhausted: true }],
  ['the excused do not count', { passed: 9, probation: 1, excused: 50 }, 'done'],
  [
    'a threshold of none is not met by nobody',
    { pending: 10 },
    'wait',
    {},
    { successThreshold: 0, failureThreshold: 1 },
  ],
  ['a threshold of a half', { passed: 5, pending: 5 }, 'done', {}, { successThreshold: 0.5 }],
  ['a threshold of all', { passed: 9, pending: 1 }, 'wait', {}, { successThreshold: 1 }],
  ['the last stage waits for each', { passed: 99, probation: 1 }, 'wait', { isLast: true }],
  ['the last stage, all ended', { passed: 99, silent: 1 }, 'done', { isLast: true }],
]);

rows('failed and cancelled never open the next stage', [
  ['one of ten failed: a tenth may', { passed: 9, silent: 1 }, 'done'],
  ['two of ten failed', { passed: 8, silent: 2 }, 'halt failure_threshold'],
  ['two of ten failed, and the others are under way', { silent: 2, away: 8 }, 'halt failure_threshold'],
  ['the only one failed', { silent: 1 }, 'halt failure_threshold'],
  ['the only one was lost', { lost: 1 }, 'halt failure_threshold'],
  ['one of a stage that is to have ten failed', { silent: 1 }, 'wait', { size: 10, hasRoom: true }],
  [
    'two of a stage that is to have ten failed',
    { silent: 2 },
    'halt failure_threshold',
    { size: 10, hasRoom: true },
  ],
  [
    'one of a stage that was to have ten failed, and nobody is left',
    { silent: 1 },
    'halt failure_threshold',
    { size: 10, hasRoom: true, isExhausted: true },
  ],
  [
    'failures are allowed, and too few can pass',
    { passed: 4, silent: 6 },
    'halt success_threshold',
    {},
    { failureThreshold: 0.7, successThreshold: 0.5 },
  ],
  [
    'failures are allowed, and enough can pass',
    { passed: 5, silent: 5 },
    'done',
    {},
    { failureThreshold: 0.7, successThreshold: 0.5 },
  ],
  ['no failure is allowed', { passed: 99, silent: 1 }, 'halt failure_threshold', {}, { failureThreshold: 0 }],
]);

rows('the evidence of all devices', [
  ['one device is no evidence', { probation: 40, late: 1 }, 'wait'],
  ['2 of 40 are late: it happens', { probation: 38, late: 2 }, 'wait'],
  ['7 of 10 are late', { probation: 3, late: 7 }, 'halt evidence'],
  ['10 of 40 went away during their probation', { probation: 30, shaky: 10 }, 'halt evidence'],
  ['3 of 3 are late', { late: 3 }, 'wait'],
  ['4 of 4 are late', { late: 4 }, 'halt evidence'],
  ['5 of 1000 were lost: within what is natural', { passed: 995, lost: 5 }, 'done'],
  ['40 of 1000 were lost', { passed: 960, lost: 40 }, 'halt evidence'],
  ['who never took it says nothing: 9 of 100 silent', { passed: 91, silent: 9 }, 'done'],
  ['100 of 1000 late: twice the natural share', { probation: 900, late: 100 }, 'halt evidence'],
]);

rows('a network that is away is no evidence', [
  ['all late, and all others as well', { late: 100 }, 'wait', { controlShare: 1 }],
  ['half late, and half of the others as well', { probation: 50, late: 50 }, 'wait', { controlShare: 0.55 }],
  ['all late, and a tenth of the others', { late: 100 }, 'halt evidence', { controlShare: 0.1 }],
  ['half late, and none of the others', { probation: 50, late: 50 }, 'halt evidence', { controlShare: 0 }],
]);

rows('doubt holds the next stage', [
  ['enough passed, nobody is away', { passed: 95, probation: 5 }, 'done'],
  ['enough passed, 5 of 100 are away', { passed: 95, late: 5 }, 'doubt'],
  ['enough passed, 1 of 100 is away', { passed: 99, late: 1 }, 'done'],
  ['enough passed, those that were away are lost for good', { passed: 197, lost: 3 }, 'done'],
  ['enough passed, 1 of 10 is away', { passed: 9, late: 1 }, 'done'],
]);

const words = (all: readonly Member[], change: Partial<Bench> = {}): string | undefined => {
  const verdict = judge(aPlan(), bench(all, change));
  if (verdict.kind === 'done') return undefined;
  return verdict.kind === 'halt' ? verdict.evidence : verdict.reason;
};

describe('what is seen is told in words', () => {
  for (const [crowd, expected] of [
    [
      { late: 7, probation: 3 },
      '7 of 10 updated devices did not come back or stay as they used to, within 4x their usual time',
    ],
    [{ lost: 40, passed: 960 }, '40 of 1000 updated devices were lost by their deadline'],
    [{ silent: 2, passed: 8 }, '2 of 10 devices of this stage failed, more than 10 %'],
    [{ late: 5, passed: 95 }, 'waits for 5 of 100 updated devices that are away longer than usual'],
  ] as const)
    it(expected, () => expect(words(members(crowd))).to.equal(expected));

  it('too few can pass', () => {
    const plan = aPlan({ failureThreshold: 0.7, successThreshold: 0.505 });
    const verdict = judge(plan, bench(members({ silent: 6, passed: 4 })));
    expect(verdict).to.include({
      evidence: '6 of 10 devices of this stage failed: 50.5 % cannot pass any more',
    });
  });
});

describe('evidence is pooled over all stages, and looked at for each kind', () => {
  it('what earlier stages show halts a stage that looks fine', () => {
    const all = [...members({ passed: 50 }), ...members({ lost: 9, passed: 41 }, ['platform a'], 0)];
    expect(brief(judge(aPlan(), bench(all)))).to.equal('halt evidence');
  });

  it("an earlier stage's failures are not counted against the thresholds of this one", () => {
    const all = [...members({ passed: 10 }), ...members({ silent: 10 }, ['platform a'], 0)];
    expect(brief(judge(aPlan(), bench(all)))).to.equal('done');
  });

  it('one chip of three breaks, and the whole looks fine', () => {
    const good = members({ probation: 600 }, ['platform esp8266', 'version 1.0.0']);
    const bad = members({ late: 12, probation: 3 }, ['platform esp32s3', 'version 1.0.0']);
    expect(
      words([...good, ...members({ late: 12, probation: 3 }, ['platform esp8266', 'version 1.0.0'])]),
    ).to.equal(undefined);
    expect(words([...good, ...bad])).to.equal(
      '12 of 15 updated devices with platform esp32s3 did not come back or stay as they used to, within 4x their usual time',
    );
  });

  it('one kind that is late holds the next stage', () => {
    const all = [
      ...members({ passed: 95 }, ['platform esp8266']),
      ...members({ passed: 2, late: 2 }, ['platform esp32s3']),
    ];
    expect(words(all)).to.equal(
      'waits for 2 of 4 updated devices with platform esp32s3 that are away longer than usual',
    );
  });

  it('the more kinds are looked at, the more certain each has to be', () => {
    const bad = members({ late: 5, probation: 4 }, ['platform esp32s3']);
    const kinds = Array.from({ length: 100 }, (_, n) => members({ probation: 10 }, [`tag ${n}`])).flat();
    const few = members({ probation: 1000 }, ['platform esp8266']);
    expect(words([...few, ...bad])).to.match(/^5 of 9/);
    expect(brief(judge(aPlan(), bench([...kinds, ...bad])))).to.equal('wait');
  });
});
