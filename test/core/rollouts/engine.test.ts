import { expect } from 'chai';
import { abort, advance, type Look, look, pause, resume, type Step } from '../../../core/rollouts/engine.js';
import type { Member } from '../../../core/rollouts/judge.js';
import type { MemberState } from '../../../core/rollouts/member.js';
import { isLive, type Rollout, type RolloutState, stagingOf } from '../../../core/rollouts/rollout.js';
import { viewRollout } from '../../../core/rollouts/view.js';
import { HOUR, MINUTE, NOW } from '../../support/builders.js';
import { aPlan, aRollout } from '../../support/staged-rollout.js';

const member = (stage: number, state: MemberState, n = 0, isSuspect = false): Member => ({
  udid: `${stage} ${state} ${n}`,
  stage,
  standing: { state, reason: undefined, isSuspect },
  groups: ['platform a'],
});
const many = (count: number, stage: number, state: MemberState, isSuspect = false): Member[] =>
  Array.from({ length: count }, (_, n) => member(stage, state, n, isSuspect));

const at = (ms: number, members: readonly Member[] = [], change: Partial<Look> = {}): Look => ({
  now: NOW + ms,
  members,
  candidates: 100 - members.length,
  controlShare: 0,
  ...change,
});

/** Looks until a look changes nothing. */
function settle(rollout: Rollout, facts: Look): Step {
  const happened: Step['happened'][number][] = [];
  for (let turn = 0; turn < 20; turn++) {
    const step = look(rollout, facts);
    happened.push(...step.happened);
    if (step.rollout === rollout) return { ...step, happened };
    rollout = step.rollout;
  }
  throw new Error('it never settles');
}

const stages = ({ stages: all }: Rollout): string => all.map(({ state }) => state).join(' ');
const words = ({ happened }: Step): string =>
  happened.map(({ what, stage }) => (stage === undefined ? what : `${what} ${stage}`)).join(', ');

const scheduled = aRollout();
const running = settle(scheduled, at(0)).rollout;
const paused = { ...running, state: 'paused', reason: 'paused by its owner' } as const;
const ended = (state: RolloutState): Rollout => ({ ...running, state });
const byStage = aRollout({ plan: aPlan({ approval: 'stage' }) });
const once = aRollout({ plan: aPlan({ approval: 'once' }) });

describe('what a person may do to a rollout: state x action', () => {
  const ACTIONS = { pause, resume, abort, advance };
  type Row = readonly [string, Rollout, Record<keyof typeof ACTIONS, string>];
  const refused = { pause: '-', resume: '-', abort: '-', advance: '-' };
  const rows: readonly Row[] = [
    ['scheduled', scheduled, { pause: 'paused', resume: '-', abort: 'aborted', advance: '-' }],
    [
      'scheduled, to be approved once',
      once,
      { pause: 'paused', resume: '-', abort: 'aborted', advance: 'scheduled' },
    ],
    [
      'scheduled, approved once',
      { ...once, approvedStage: 3 },
      { pause: 'paused', resume: '-', abort: 'aborted', advance: '-' },
    ],
    ['running', running, { pause: 'paused', resume: '-', abort: 'aborted', advance: 'running' }],
    [
      'running, a stage is to be approved',
      settle(byStage, at(0)).rollout,
      { pause: 'paused', resume: '-', abort: 'aborted', advance: 'running' },
    ],
    ['paused', paused, { pause: '-', resume: 'running', abort: 'aborted', advance: '-' }],
    [
      'paused before it began',
      { ...scheduled, state: 'paused' },
      { pause: '-', resume: 'scheduled', abort: 'aborted', advance: '-' },
    ],
    ['halted', ended('halted'), refused],
    ['aborted', ended('aborted'), refused],
    ['done', ended('done'), refused],
  ];
  for (const [name, rollout, expected] of rows)
    for (const [action, state] of Object.entries(expected) as [keyof typeof ACTIONS, string][])
      it(`${name}; ${action}: ${state === '-' ? 'refused' : state}`, () => {
        const after = ACTIONS[action](rollout, NOW + HOUR);
        expect(after?.state ?? '-').to.equal(state);
        if (after) expect(after.changedAt).to.equal(NOW + HOUR);
      });

  for (const rollout of [ended('halted'), ended('aborted'), ended('done')])
    it(`${rollout.state} is final: a look changes nothing and lets nobody in`, () => {
      expect(isLive(rollout)).to.equal(false);
      const step = look(rollout, at(HOUR, [member(0, 'passed')]));
      expect(step).to.deep.equal({ rollout, room: 0, happened: [] });
      expect(step.rollout).to.equal(rollout);
    });
});

describe('a rollout begins', () => {
  it('opens its first stage, and has room for as many as that takes', () => {
    const step = settle(scheduled, at(MINUTE));
    expect(words(step)).to.equal('begun, stage_opened 1');
    expect(step.rollout).to.include({ state: 'running', stage: 0, reason: undefined });
    expect(stages(step.rollout)).to.equal('open waiting waiting');
    expect(step.rollout.stages[0]?.openedAt).to.equal(NOW + MINUTE);
    expect(step.room).to.equal(1);
  });

  it('not before its window, and says when that opens', () => {
    const window = { days: [], from: '02:00', to: '05:00', timeZone: 'UTC' } as const;
    // NOW is 15:06:40 UTC.
    const waits = settle(aRollout({ plan: aPlan({ window }) }), at(0));
    expect(waits.rollout).to.include({
      state: 'scheduled',
      reason: 'its window opens at 2025-06-16 02:00 UTC',
    });
    expect(waits.room).to.equal(0);
    const opens = settle(waits.rollout, at(11 * HOUR));
    expect(opens.rollout).to.include({ state: 'running', reason: undefined });
    expect(opens.room).to.equal(1);
    const shut = settle(opens.rollout, at(14 * HOUR, [], { candidates: 9 }));
    expect(shut.room).to.equal(0);
    expect(shut.rollout).to.include({ state: 'running', reason: 'its window opens at 2025-06-17 02:00 UTC' });
  });

  it('nobody to update: every stage is over, and it is done', () => {
    const step = settle(aRollout({ population: 0 }), at(0, [], { candidates: 0 }));
    expect(step.rollout.state).to.equal('done');
    expect(stages(step.rollout)).to.equal('done done done');
  });
});

describe('who approves', () => {
  it('once: it waits, says so, and after one yes it goes through all stages', () => {
    const waits = settle(once, at(0));
    expect(waits.rollout).to.include({ state: 'scheduled', reason: 'waits for your approval' });
    expect(waits.room).to.equal(0);
    expect(stagingOf(waits.rollout).consented).to.equal(false);
    const yes = advance(waits.rollout, NOW + MINUTE) ?? once;
    expect(stagingOf(yes).consented).to.equal(true);
    const first = settle(yes, at(MINUTE));
    expect(first.rollout.state).to.equal('running');
    const second = settle(first.rollout, at(HOUR, [member(0, 'passed')]));
    expect(stages(second.rollout)).to.equal('done open waiting');
  });

  it('stage: each stage waits for its own yes, for one only', () => {
    const waits = settle(byStage, at(0));
    expect(waits.rollout).to.include({ state: 'running', reason: 'waits for your approval' });
    expect(stages(waits.rollout)).to.equal('approval waiting waiting');
    expect(waits.room).to.equal(0);
    const first = settle(advance(waits.rollout, NOW + MINUTE) ?? byStage, at(MINUTE));
    expect(stages(first.rollout)).to.equal('open waiting waiting');
    expect(first.rollout.stages[0]?.openedAt).to.equal(NOW + MINUTE);
    expect(first.room).to.equal(1);
    const next = settle(first.rollout, at(HOUR, [member(0, 'passed')]));
    expect(words(next)).to.equal('stage_done 1');
    expect(stages(next.rollout)).to.equal('done approval waiting');
    expect(next.rollout.reason).to.equal('waits for your approval');
    expect(next.room).to.equal(0);
    const second = settle(
      advance(next.rollout, NOW + 2 * HOUR) ?? byStage,
      at(2 * HOUR, [member(0, 'passed')]),
    );
    expect(stages(second.rollout)).to.equal('done open waiting');
    expect(second.room).to.equal(9);
  });

  it('stage: a yes too many is no yes to the next stage', () => {
    const first = advance(settle(byStage, at(0)).rollout, NOW) ?? byStage;
    const forced = advance(first, NOW) ?? byStage;
    expect(stages(settle(forced, at(MINUTE, [member(0, 'away')])).rollout)).to.equal('done approval waiting');
  });

  it('stage: while it waits and is paused it says that it is paused, and resumes waiting', () => {
    const rest = pause(settle(byStage, at(0)).rollout, NOW) ?? byStage;
    expect(settle(rest, at(MINUTE)).rollout).to.include({ state: 'paused', reason: 'paused by its owner' });
    const again = settle(resume(rest, NOW) ?? byStage, at(MINUTE));
    expect(again.rollout).to.include({ state: 'running', reason: 'waits for your approval' });
  });

  it('stage: evidence halts it while it waits, too', () => {
    const first = advance(settle(byStage, at(0)).rollout, NOW) ?? byStage;
    const second = settle(first, at(HOUR, [member(0, 'passed')])).rollout;
    const bad = [...many(3, 0, 'failed', true), ...many(1, 0, 'passed')];
    expect(settle(second, at(2 * HOUR, bad)).rollout.state).to.equal('halted');
  });

  it('none and device: nobody is waited for, and nobody has consented for others', () => {
    for (const approval of ['none', 'device'] as const) {
      const step = settle(aRollout({ plan: aPlan({ approval }) }), at(0));
      expect(step.room).to.equal(1);
      expect(stagingOf(step.rollout)).to.include({ consented: false, approval });
    }
  });
});

describe('from stage to stage', () => {
  it('the next opens when this one is done, for as many as its goal leaves', () => {
    const step = settle(running, at(HOUR, [member(0, 'passed')]));
    expect(words(step)).to.equal('stage_done 1, stage_opened 2');
    expect(stages(step.rollout)).to.equal('done open waiting');
    expect(step.room).to.equal(9);
  });

  it('not while the only one is on its way', () => {
    for (const state of ['pending', 'away', 'probation'] as const) {
      const step = settle(running, at(HOUR, [member(0, state)]));
      expect(words(step)).to.equal('');
      expect(step.room).to.equal(0);
    }
  });

  it('not if it only was cancelled: another device takes its place', () => {
    const step = settle(running, at(HOUR, [member(0, 'excused')]));
    expect(stages(step.rollout)).to.equal('open waiting waiting');
    expect(step.room).to.equal(1);
  });

  it('not if all were cancelled and nobody is left: it waits for a person', () => {
    const step = settle(running, at(HOUR, [member(0, 'excused')], { candidates: 0 }));
    expect(stages(step.rollout)).to.equal('open waiting waiting');
    expect(step.rollout.reason).to.match(/^nobody of this stage has passed/);
    const forced = settle(
      advance(step.rollout, NOW) ?? running,
      at(HOUR, [member(0, 'excused')], { candidates: 0 }),
    );
    expect(forced.rollout.state).to.equal('done');
  });

  it('a failure halts it, with the evidence as its reason', () => {
    const step = settle(running, at(HOUR, [member(0, 'failed')]));
    expect(words(step)).to.equal('halted 1');
    expect(step.happened[0]).to.deep.include({ rule: 'failure_threshold', evidence: step.rollout.reason });
    expect(step.rollout).to.include({ state: 'halted', changedAt: NOW + HOUR });
    expect(stages(step.rollout)).to.equal('open waiting waiting');
  });

  it('the last one ends it', () => {
    const members = [member(0, 'passed'), ...many(9, 1, 'passed'), ...many(90, 2, 'passed')];
    let { rollout } = settle(running, at(HOUR, members.slice(0, 1)));
    rollout = settle(rollout, at(2 * HOUR, members.slice(0, 10))).rollout;
    expect(stages(rollout)).to.equal('done done open');
    const step = settle(rollout, at(3 * HOUR, members));
    expect(words(step)).to.equal('stage_done 3, done');
    expect(step.rollout).to.include({ state: 'done', reason: undefined });
  });

  it('room is for no more than there are', () =>
    expect(settle(running, at(HOUR, [member(0, 'passed')], { candidates: 4 })).room).to.equal(4));

  it('a look that changes nothing returns the very same rollout: nothing is stored', () => {
    const { rollout } = settle(running, at(HOUR, [member(0, 'passed')]));
    expect(look(rollout, at(2 * HOUR, [member(0, 'passed'), member(1, 'away')])).rollout).to.equal(rollout);
  });

  it('what it waits for is its reason, as long as it does', () => {
    const second = settle(running, at(HOUR, [member(0, 'passed')])).rollout;
    const late = [member(0, 'passed'), ...many(8, 1, 'passed'), ...many(2, 1, 'away', true)];
    const waits = settle({ ...second, plan: aPlan({ successThreshold: 0.5 }) }, at(HOUR, late));
    expect(waits.rollout.reason).to.equal(
      'waits for 2 of 11 updated devices that are away longer than usual',
    );
    const fine = [member(0, 'passed'), ...many(10, 1, 'passed')];
    expect(settle(waits.rollout, at(HOUR, fine)).rollout.reason).to.equal(undefined);
  });
});

describe('a person lets a stage pass', () => {
  it('the next one opens although nobody has passed', () => {
    const forced = advance(running, NOW + MINUTE) ?? running;
    const step = settle(forced, at(MINUTE, [member(0, 'away')]));
    expect(words(step)).to.equal('stage_done 1, stage_opened 2');
    expect(step.rollout.stages.map((stage) => stage.forced)).to.deep.equal([true, false, false]);
  });

  it('one stage only', () => {
    const forced = advance(running, NOW + MINUTE) ?? running;
    expect(settle(forced, at(MINUTE, many(3, 0, 'pending'))).rollout.stage).to.equal(1);
  });

  it('not before somebody is in it', () => {
    const forced = advance(running, NOW + MINUTE) ?? running;
    expect(settle(forced, at(MINUTE, [])).rollout).to.include({ state: 'running', stage: 0 });
  });

  it('evidence against it halts it all the same', () => {
    const forced = advance(running, NOW + MINUTE) ?? running;
    expect(settle(forced, at(MINUTE, many(4, 0, 'failed', true))).rollout).to.include({
      state: 'halted',
      stage: 0,
    });
  });

  it('the last one: it is done', () => {
    let rollout = running;
    for (let stage = 0; stage < 3; stage++)
      rollout = settle(advance(rollout, NOW) ?? rollout, at(MINUTE, many(2, stage, 'pending'))).rollout;
    expect(rollout.state).to.equal('done');
  });
});

describe('a pause', () => {
  it('lets nobody in', () => expect(settle(paused, at(HOUR)).room).to.equal(0));

  it('opens no stage; the resumed rollout does', () => {
    const facts = at(HOUR, [member(0, 'passed')]);
    const rest = settle(paused, facts);
    expect(words(rest)).to.equal('');
    expect(rest.rollout).to.equal(paused);
    expect(words(settle(resume(rest.rollout, NOW + HOUR) ?? rest.rollout, facts))).to.equal(
      'stage_done 1, stage_opened 2',
    );
  });

  it('still judges', () => {
    expect(settle(paused, at(HOUR, many(1, 0, 'failed'))).rollout.state).to.equal('halted');
    const bad = [member(0, 'passed'), ...many(6, 0, 'away', true)];
    expect(settle(paused, at(HOUR, bad)).happened[0]).to.include({ what: 'halted', rule: 'evidence' });
  });

  it('keeps its reason whatever it would wait for', () => {
    const facts = at(HOUR, [member(0, 'away', 0, true)]);
    expect(settle(paused, facts).rollout.reason).to.equal('paused by its owner');
  });

  it('before it began: nothing begins', () => {
    const rest = pause(scheduled, NOW) ?? scheduled;
    expect(settle(rest, at(HOUR)).rollout).to.equal(rest);
    expect(words(settle(resume(rest, NOW) ?? rest, at(HOUR)))).to.equal('begun, stage_opened 1');
  });
});

describe('a rollout as its owner sees it', () => {
  it('devices of each stage alone, and what is not known is pending', () => {
    const rollout = {
      ...running,
      stages: running.stages.map((stage, i) => ({
        ...stage,
        tally: { installed: [1, 4, 0][i] ?? 0, failed: i === 1 ? 2 : 0 },
      })),
    };
    expect(viewRollout(rollout)).to.deep.include({
      state: 'running',
      reason: null,
      devices: 100,
      stages: [
        { state: 'open', devices: 1, installed: 1, failed: 0, pending: 0 },
        { state: 'waiting', devices: 9, installed: 4, failed: 2, pending: 3 },
        { state: 'waiting', devices: 90, installed: 0, failed: 0, pending: 90 },
      ],
    });
  });
});
