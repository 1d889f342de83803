import { expect } from 'chai';
import fc from 'fast-check';
import type { Device } from '../../../core/device.js';
import { redundanciesOf } from '../../../core/rollouts/canaries.js';
import { abort, advance, pause, resume } from '../../../core/rollouts/engine.js';
import { NOBODY } from '../../../core/rollouts/judge.js';
import { standingOf } from '../../../core/rollouts/member.js';
import { type Approval, goalsOf, type OfferWindow, type RolloutPlan } from '../../../core/rollouts/plan.js';
import { isLive, type Rollout } from '../../../core/rollouts/rollout.js';
import { isOpen } from '../../../core/rollouts/window.js';
import { aDevice, HOUR, MINUTE, NOW } from '../../support/builders.js';
import { RolloutWorld } from '../../support/rollout-world.js';
import { aPlan, aRollout } from '../../support/staged-rollout.js';

const MOST_DEVICES = 12;

/** What may happen; devices by their number, of those there are. */
type Command =
  | {
      readonly do: 'comes' | 'goes' | 'takes' | 'good' | 'old' | 'fails' | 'removed';
      readonly device: number;
    }
  | { readonly do: 'answers'; readonly device: number; readonly answer: 'yes' | 'no' | 'later' }
  /** As it should go: all that are offered it take it and come back with it, but one may stay away, and time passes. */
  | { readonly do: 'goesOn'; readonly but: number; readonly minutes: number }
  | { readonly do: 'pass'; readonly minutes: number }
  | { readonly do: 'pause' | 'resume' | 'advance' | 'abort' };

const device = fc.nat(MOST_DEVICES - 1);
const minutes = fc.constantFrom(1, 15, 40, 150);
const command: fc.Arbitrary<Command> = fc.oneof(
  // Most of the time there is no device of the last numbers.
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('goesOn' as const), but: fc.nat(3 * MOST_DEVICES), minutes }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('comes' as const), device }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('goes' as const), device }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('takes' as const), device }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('good' as const), device }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('old' as const, 'fails' as const, 'removed' as const),
      device,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('answers' as const),
      device,
      answer: fc.constantFrom('yes', 'no', 'later'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), minutes }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'advance' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('resume' as const) }) },
);
const commands = fc.array(
  fc.oneof(
    { weight: 200, arbitrary: command },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const) }) },
  ),
  { maxLength: 60, size: 'max' },
);

const window: OfferWindow = { days: [], from: '13:00', to: '17:00', timeZone: 'UTC' };
const approval: fc.Arbitrary<Approval> = fc.constantFrom('none', 'once', 'stage', 'device');
const plan: fc.Arbitrary<RolloutPlan> = fc
  .record({
    stages: fc.constantFrom(
      [{ percent: 100 }],
      [{ devices: 1 }, { percent: 50 }, { percent: 100 }],
      [{ devices: 2 }, { devices: 3 }, { devices: 4 }],
    ),
    ratePerMinute: fc.constantFrom(undefined, undefined, 0.5, 2),
    window: fc.constantFrom(undefined, undefined, window),
    successThreshold: fc.constantFrom(0, 0.5, 0.9),
    failureThreshold: fc.constantFrom(0.1, 0.5, 1),
    retries: fc.constantFrom(0, 2),
    approval,
  })
  .map((change) => aPlan({ ...change, deadlineMs: 2 * HOUR, probationMs: 30 * MINUTE }));

/** Kept as short as this until it is used, so that a counterexample can be read. */
type Kind = Pick<Device, 'version' | 'tags' | 'autoUpdate'>;

const fleet: fc.Arbitrary<Kind[]> = fc.array(
  fc.record({
    version: fc.constantFrom('1.0.0', '0.9.0', undefined),
    tags: fc.uniqueArray(fc.constantFrom('lab', 'redundancy:pump', 'redundancy:door'), { maxLength: 2 }),
    autoUpdate: fc.boolean(),
  }),
  { minLength: 1, maxLength: MOST_DEVICES },
);

const ACTIONS = { pause, resume, advance, abort };

function goOn(world: RolloutWorld, but: string): void {
  for (const { udid } of [...world.admissions]) {
    if (world.devices.get(udid)?.grant?.installedAt !== undefined) continue;
    world.comes(udid);
    world.answers(udid, 'yes');
    world.takes(udid);
    if (udid !== but) world.boots(udid, 'new');
  }
}

async function carryOut(world: RolloutWorld, asked: Command): Promise<void> {
  switch (asked.do) {
    case 'goesOn':
      goOn(world, `d${asked.but}`);
      return world.pass(asked.minutes * MINUTE, Math.max(MINUTE, (asked.minutes * MINUTE) / 5));
    case 'pass':
      return world.pass(asked.minutes * MINUTE, Math.max(MINUTE, (asked.minutes * MINUTE) / 5));
    case 'pause':
    case 'resume':
    case 'advance':
    case 'abort':
      world.act(ACTIONS[asked.do]);
      break;
    case 'good':
      world.boots(`d${asked.device}`, 'new');
      break;
    case 'old':
      world.boots(`d${asked.device}`, 'old');
      break;
    case 'answers':
      world.answers(`d${asked.device}`, asked.answer);
      break;
    default:
      world[asked.do](`d${asked.device}`);
  }
  await world.tick(2);
}

const aWorld = (kinds: readonly Kind[], asked: RolloutPlan): RolloutWorld => {
  const rhythm = { silence: MINUTE, between: HOUR, returnedAt: NOW - HOUR };
  const devices = kinds.map((kind, n) => aDevice({ ...kind, udid: `d${n}`, rhythm }));
  const rollout = aRollout({ plan: asked, population: devices.length });
  // Devices are as connected after a restart as they were before.
  const world = new RolloutWorld(rollout, devices, 0);
  for (const [n, { udid }] of devices.entries()) if (n % 3 !== 0) world.comes(udid);
  return world;
};

const standing = (world: RolloutWorld, device: Device): string =>
  device.grant
    ? standingOf(device, device.grant, '1.1.0', world.stored.plan, {
        now: world.clock.now(),
        isOnline: (udid) => world.isOnline(udid),
        usualOf: () => 15 * MINUTE,
      }).state
    : 'out';

/** What must be so whenever a device is let in. */
function watchAdmissions(world: RolloutWorld): void {
  const seen = new Set<string>();
  const admit = world.admit.bind(world);
  world.admit = async (rollout, udid, grant) => {
    const now = world.clock.now();
    const { state, stages, plan } = world.stored;
    const others = [...world.devices.values()].filter((each) => each.udid !== udid);
    const shared = new Set(redundanciesOf(world.devices.get(udid) ?? { tags: [] }));
    const admitted = await admit(rollout, udid, grant);
    if (!admitted) return admitted;
    expect(seen.has(udid), `${udid} is let in twice`).to.equal(false);
    seen.add(udid);
    expect(state).to.equal('running');
    expect(stages[grant.stage]?.state).to.equal('open');
    expect(isOpen(plan.window, now), 'the window is open').to.equal(true);
    for (const other of others)
      if (redundanciesOf(other).some((name) => shared.has(name)))
        expect(standing(world, other)).to.be.oneOf(['out', 'passed', 'failed', 'excused']);
    return admitted;
  };
}

const ORDER = ['waiting', 'approval', 'open', 'done'];

/** What must be so of all that was stored, one after the other. */
function checkSaves(world: RolloutWorld): void {
  let before: Rollout | undefined;
  for (const rollout of world.saves) {
    const states = rollout.stages.map(({ state }) => state);
    const current = states.findIndex((state) => state !== 'done');
    for (const [i, state] of states.entries()) {
      if (current >= 0 && i > current) expect(state, 'later stages wait').to.equal('waiting');
      if (before)
        expect(ORDER.indexOf(state)).to.be.at.least(ORDER.indexOf(before.stages[i]?.state ?? 'waiting'));
    }
    if (before) {
      expect(rollout.revision).to.equal(before.revision + 1);
      expect(isLive(before), 'what has ended does not change').to.equal(true);
      if (before.state === 'paused' && rollout.state === 'paused')
        expect(states, 'a pause opens nothing').to.deep.equal(before.stages.map(({ state }) => state));
      expect(rollout.stage)
        .to.be.at.least(before.stage)
        .and.at.most(before.stage + 1);
    }
    if (rollout.state === 'done') expect(new Set(states)).to.deep.equal(new Set(['done']));
    before = rollout;
  }
}

/** The rate, of devices that are still there: of others nothing is stored. */
function checkRate(world: RolloutWorld): void {
  const { ratePerMinute: rate } = world.stored.plan;
  if (rate === undefined) return;
  const most = Math.max(1, Math.floor(rate));
  const length = (most / rate) * MINUTE;
  const times = world.admissions.filter(({ udid }) => world.devices.has(udid)).map(({ at }) => at);
  for (const from of times)
    expect(times.filter((at) => at >= from && at < from + length).length).to.be.at.most(most);
}

/** What a stage that is done was done on. */
function watchStages(world: RolloutWorld): void {
  world.meanwhile = (what) => {
    if (what !== 'saved') return;
    const [before, after] = world.saves.slice(-2);
    if (!before || !after) return;
    for (const [i, { state, forced }] of after.stages.entries()) {
      if (state !== 'done' || forced || before.stages[i]?.state === 'done') continue;
      const states = [...world.devices.values()]
        .filter(({ grant }) => grant?.stage === i)
        .map((each) => standing(world, each))
        .filter((each) => each !== 'excused');
      const passed = states.filter((each) => each === 'passed').length;
      expect(passed).to.be.at.least(after.plan.successThreshold * states.length);
      const hasMembers = [...world.devices.values()].some(({ grant }) => grant?.stage === i);
      expect(passed > 0 || !hasMembers, 'who was cancelled or failed opens no stage').to.equal(true);
    }
  };
}

/** It has ended, or a person has to do something. */
const restsWell = ({ state, reason, stage, stages, plan, approvedStage }: Rollout): boolean =>
  !isLive({ state }) ||
  state === 'paused' ||
  reason === NOBODY ||
  (state === 'scheduled' && plan.approval === 'once' && approvedStage < 0) ||
  stages[stage]?.state === 'approval';

describe('a rollout, whatever happens', () => {
  it('lets each device in once, only while it runs, within its window, rate and redundancies, and stage after stage', async () => {
    await fc.assert(
      fc.asyncProperty(fleet, plan, commands, async (devices, asked, all) => {
        const world = aWorld(devices, asked);
        watchAdmissions(world);
        watchStages(world);
        await world.tick(2);
        for (const each of all) {
          await carryOut(world, each);
          checkRate(world);
        }
        checkSaves(world);
      }),
      { numRuns: 400 },
    );
  });

  it('leaves no stage open for ever: it ends, or waits for a person', async () => {
    await fc.assert(
      fc.asyncProperty(fleet, plan, commands, async (devices, asked, all) => {
        const world = aWorld(devices, asked);
        for (const each of all) await carryOut(world, each);
        // Each device may be let in one after the other, each may take its deadlines, and each may wait for the next window.
        for (let day = 0; day < 3 * MOST_DEVICES && !restsWell(world.stored); day++)
          await world.pass(24 * HOUR, 20 * MINUTE);
        const { state, stage, reason } = world.stored;
        expect(restsWell(world.stored), `${state}, stage ${stage}: ${reason}`).to.equal(true);
      }),
      { numRuns: 150 },
    );
  });

  it('a restart, at any point, changes nothing', async () => {
    const told = (world: RolloutWorld): unknown => ({
      state: world.stored.state,
      reason: world.stored.reason,
      stages: world.stored.stages.map(({ state, openedAt, forced }) => ({ state, openedAt, forced })),
      admissions: world.admissions.map(({ udid, at, stage }) => ({ udid, at, stage })),
      happened: world.happened,
    });
    await fc.assert(
      fc.asyncProperty(
        fleet,
        plan,
        commands,
        fc.infiniteStream(fc.boolean()),
        async (devices, asked, all, restarts) => {
          const [steady, restarted] = [aWorld(devices, asked), aWorld(devices, asked)];
          for (const each of all) {
            await carryOut(steady, each);
            if (restarts.next().value) restarted.restart();
            await carryOut(restarted, each);
            expect(told(restarted)).to.deep.equal(told(steady));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('the goals of its stages bound who is let in: no more than those and the excused', async () => {
    await fc.assert(
      fc.asyncProperty(fleet, plan, commands, async (devices, asked, all) => {
        const world = aWorld(devices, asked);
        const goals = goalsOf(asked.stages, devices.length);
        const excused = new Set<string>();
        const removed = new Set<string>();
        for (const each of all) {
          await carryOut(world, each);
          for (const device of world.devices.values())
            if (standing(world, device) === 'excused') excused.add(device.udid);
          for (const { udid } of world.admissions) if (!world.devices.has(udid)) removed.add(udid);
          const most = (goals[world.stored.stage] ?? 0) + excused.size + removed.size;
          expect(world.admissions.length).to.be.at.most(most);
        }
      }),
      { numRuns: 200 },
    );
  });
});
