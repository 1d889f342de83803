import { expect } from 'chai';
import type { Device } from '../../../core/device.js';
import { abort, advance, pause, resume } from '../../../core/rollouts/engine.js';
import type { RolloutPlan } from '../../../core/rollouts/plan.js';
import { aDevice, HOUR, MINUTE, NOW } from '../../support/builders.js';
import { RolloutWorld } from '../../support/rollout-world.js';
import { aPlan, aRollout } from '../../support/staged-rollout.js';

const rhythm = { silence: MINUTE, between: 12 * HOUR, returnedAt: NOW - HOUR };
const fleet = (count: number, change: (n: number) => Partial<Device> = () => ({})): Device[] =>
  Array.from({ length: count }, (_, n) =>
    aDevice({ udid: `device-${n}`, autoUpdate: true, rhythm, ...change(n) }),
  );

function aWorld(
  devices: readonly Device[],
  plan: Partial<RolloutPlan> = {},
  reconnectMs?: number,
): RolloutWorld {
  const rollout = aRollout({ plan: aPlan(plan), population: devices.length });
  const world = new RolloutWorld(rollout, devices, reconnectMs);
  for (const { udid } of devices) world.comes(udid);
  return world;
}

const udids = (world: RolloutWorld): string[] => world.admissions.map(({ udid }) => udid);
const story = (world: RolloutWorld): string =>
  world.happened.map(({ what, stage }) => (stage === undefined ? what : `${what} ${stage}`)).join(', ');
/** All that were offered it take it and come back with it. */
const installAll = (world: RolloutWorld): void => {
  for (const udid of udids(world)) {
    world.takes(udid);
    if (!world.online.has(udid)) world.boots(udid, 'new');
  }
};
const all = { stages: [{ percent: 100 }] } as const;
/** Half of them, then all: the others are the comparison. */
const half = { stages: [{ percent: 50 }, { percent: 100 }] } as const;

describe('the conductor of a rollout', () => {
  it('takes a good firmware through all stages, and lets each device in once', async () => {
    const world = aWorld(fleet(40));
    for (let turn = 0; turn < 6; turn++) {
      await world.tick(3);
      installAll(world);
      await world.pass(2 * HOUR, 30 * MINUTE);
    }
    expect(world.stored.state).to.equal('done');
    expect(story(world)).to.equal(
      'begun, stage_opened 1, stage_done 1, stage_opened 2, stage_done 2, stage_opened 3, stage_done 3, done',
    );
    expect(new Set(udids(world)).size).to.equal(40);
    expect(
      [0, 1, 2].map((stage) => world.admissions.filter((each) => each.stage === stage).length),
    ).to.deep.equal([1, 3, 36]);
    expect(world.stored.stages.map(({ tally }) => tally.installed)).to.deep.equal([1, 3, 36]);
  });

  it('stops at the one device that a bad firmware takes', async () => {
    const world = aWorld(fleet(40));
    await world.tick(3);
    world.takes(udids(world)[0] ?? '');
    await world.pass(25 * HOUR, HOUR);
    expect(world.stored).to.include({ state: 'halted', stage: 0 });
    expect(world.admissions).to.have.length(1);
    expect(world.stored.stages[0]?.tally).to.deep.equal({ installed: 0, failed: 1 });
  });

  it('tries each kind before it tries one twice, over all stages', async () => {
    const devices = fleet(60, (n) => ({
      tags: n === 41 ? ['roof'] : [],
      version: n === 17 ? '0.9.0' : '1.0.0',
    }));
    const world = aWorld(devices, { stages: [{ devices: 1 }, { devices: 2 }, { percent: 100 }] });
    await world.tick(3);
    installAll(world);
    await world.pass(3 * HOUR, HOUR);
    await world.tick(3);
    expect(world.stored.stage).to.equal(1);
    expect(udids(world)).to.include.members(['device-41', 'device-17']).and.to.have.length(2);
  });

  it('looks who is there when a stage opens, not when the rollout was made', async () => {
    const world = aWorld(fleet(20), { approval: 'once' });
    await world.tick(2);
    for (let n = 0; n < 19; n++) world.goes(`device-${n}`);
    world.act(advance);
    await world.tick(3);
    expect(udids(world)).to.deep.equal(['device-19']);
    installAll(world);
    const late = aDevice({ udid: 'device-late', autoUpdate: true, rhythm });
    world.devices.set(late.udid, late);
    world.comes(late.udid);
    await world.pass(3 * HOUR, HOUR);
    expect(world.stored.stage).to.equal(1);
    expect(udids(world)).to.deep.equal(['device-19', 'device-late']);
  });

  it('whose owner is asked keeps its place: questions come stage by stage, too', async () => {
    const world = aWorld(fleet(40, () => ({ autoUpdate: false })));
    await world.tick(10);
    await world.pass(12 * HOUR, HOUR);
    expect(world.admissions).to.have.length(1);
    expect(world.devices.get(udids(world)[0] ?? '')?.update?.state).to.equal('asked');
    await world.pass(13 * HOUR, HOUR);
    expect(world.admissions).to.have.length(2);
    expect(world.stored).to.include({ state: 'running', stage: 0 });
  });

  it('a device that comes after all begins to count again', async () => {
    const world = aWorld(fleet(1), all);
    world.goes('device-0');
    await world.tick(3);
    await world.pass(23 * HOUR, HOUR);
    world.comes('device-0');
    await world.pass(HOUR, HOUR);
    expect(world.stored.state).to.equal('running');
    installAll(world);
    await world.pass(3 * HOUR, HOUR);
    expect(world.stored.state).to.equal('done');
  });
});

describe('the conductor: rate and redundancy', () => {
  it('at most so many in any minute', async () => {
    const world = aWorld(fleet(40), { ...all, ratePerMinute: 5 });
    await world.tick(3);
    await world.pass(4 * MINUTE, 1000);
    expect(world.admissions).to.have.length(25);
    for (const { at } of world.admissions)
      expect(world.admissions.filter((each) => each.at >= at && each.at < at + MINUTE).length).to.be.at.most(
        5,
      );
  });

  it('saves nothing up while there is no room', async () => {
    const world = aWorld(fleet(40), { stages: [{ devices: 1 }, { percent: 100 }], ratePerMinute: 5 });
    await world.tick(3);
    installAll(world);
    await world.pass(3 * HOUR, 10 * MINUTE);
    world.admissions.length = 0;
    await world.pass(10 * MINUTE, 1000);
    for (const { at } of world.admissions)
      expect(world.admissions.filter((each) => each.at >= at && each.at < at + MINUTE).length).to.be.at.most(
        5,
      );
  });

  it('half a device a minute is one in two', async () => {
    const world = aWorld(fleet(10), { ...all, ratePerMinute: 0.5 });
    await world.tick(3);
    expect(world.admissions).to.have.length(1);
    await world.pass(2 * MINUTE - 1000, 1000);
    expect(world.admissions).to.have.length(1);
    await world.pass(2 * MINUTE, 1000);
    expect(world.admissions).to.have.length(2);
  });

  it('a restart lets in no more', async () => {
    const world = aWorld(fleet(10), { ...all, ratePerMinute: 1 });
    for (let turn = 0; turn < 10; turn++) {
      await world.tick(3);
      world.restart();
    }
    expect(world.admissions).to.have.length(1);
  });

  it('never two that share a redundancy, not even in one look', async () => {
    const world = aWorld(
      fleet(6, (n) => ({ tags: [`redundancy:${n % 2}`, 'lab'] })),
      all,
    );
    await world.tick(5);
    expect(world.admissions).to.have.length(2);
    const [first = ''] = udids(world);
    world.takes(first);
    await world.tick(3);
    world.boots(first, 'new');
    await world.pass(HOUR, 10 * MINUTE);
    expect(world.admissions).to.have.length(2);
    await world.pass(2 * HOUR, 10 * MINUTE);
    expect(world.admissions).to.have.length(3);
    expect(world.devices.get(udids(world)[2] ?? '')?.tags).to.deep.equal(world.devices.get(first)?.tags);
  });
});

describe('the conductor: what happens meanwhile', () => {
  it('paused while hundreds are let in: at most those under way still are, and the others later', async () => {
    const world = aWorld(fleet(450), all);
    await world.tick(1);
    world.meanwhile = (what) => {
      if (what === 'admit' && world.admissions.length === 10) world.act(pause);
    };
    await world.tick(3);
    expect(world.stored.state).to.equal('paused');
    expect(world.admissions.length).to.be.at.most(200);
    world.meanwhile = () => {};
    world.act(resume);
    await world.tick(2);
    expect(new Set(udids(world)).size).to.equal(450);
    expect(world.admissions).to.have.length(450);
  });

  it('aborted while it is being stored: nobody is let in, and it stays aborted', async () => {
    const world = aWorld(fleet(40));
    await world.tick(1);
    installAll(world);
    world.meanwhile = (what) => {
      if (what === 'save') world.act(abort);
    };
    await world.tick(3);
    await world.pass(30 * HOUR, HOUR);
    world.takes(udids(world)[0] ?? '');
    await world.pass(30 * HOUR, HOUR);
    expect(world.stored.state).to.equal('aborted');
    expect(world.conductor.rollout.state).to.equal('aborted');
    expect(world.saves.every(({ revision }, i) => revision === i + 2)).to.equal(true);
  });

  it('paused right after it was stored: nobody is let in', async () => {
    const world = aWorld(fleet(40), { ...all, ratePerMinute: 1 });
    await world.tick(3);
    installAll(world);
    world.meanwhile = (what) => {
      if (what === 'saved') world.act(pause);
    };
    await world.pass(10 * MINUTE, MINUTE);
    expect(world.stored.state).to.equal('paused');
    expect(world.stored.stages[0]?.tally.installed).to.equal(1);
    expect(world.conductor.rollout.state).to.equal('paused');
    expect(world.admissions).to.have.length(1);
  });

  it('a device that cannot be let in any more gives its place to another', async () => {
    const world = aWorld(fleet(40));
    await world.tick(1);
    world.meanwhile = (what) => {
      if (what !== 'admit' || world.devices.size < 40) return;
      // The order is not known here: all but one go.
      for (let n = 0; n < 39; n++) world.removed(`device-${n}`);
    };
    await world.tick(60);
    expect(udids(world)).to.deep.equal(['device-39']);
  });

  it('a device that is removed while it is away is no evidence', async () => {
    const world = aWorld(fleet(40));
    await world.tick(3);
    const [first = ''] = udids(world);
    world.takes(first);
    await world.pass(5 * HOUR, HOUR);
    world.removed(first);
    await world.pass(20 * HOUR, HOUR);
    expect(world.stored.state).to.equal('running');
    expect(world.admissions).to.have.length(2);
  });

  it('what another node wrote is read anew', async () => {
    const world = aWorld(fleet(10), all);
    await world.tick(3);
    for (const [udid, device] of world.devices)
      world.devices.set(udid, {
        ...device,
        declined: ['1.1.0'],
        update: device.update && { ...device.update, state: 'declined' },
      });
    await world.conductor.refresh();
    expect(world.conductor.members().map(({ standing }) => standing.reason)).to.deep.equal(
      Array(10).fill('declined'),
    );
    world.devices.clear();
    world.conductor.observe(aDevice({ udid: 'device-0' }));
    await world.conductor.refresh();
    expect(world.conductor.members()).to.deep.equal([]);
  });
});

describe('the conductor: a network that is away is no evidence', () => {
  async function installedHalf(reconnectMs?: number): Promise<RolloutWorld> {
    const world = aWorld(fleet(400), half, reconnectMs);
    await world.tick(3);
    installAll(world);
    // Not at the same time as the others are looked at.
    await world.pass(32 * MINUTE, 10_000);
    expect(world.admissions).to.have.length(200);
    return world;
  }

  it('all are away at once, with the firmware or without: it goes on when they are back', async () => {
    const world = await installedHalf();
    const everybody = [...world.online];
    for (const udid of everybody) world.goes(udid);
    await world.pass(40 * MINUTE, 10_000);
    expect(world.stored.state).to.equal('running');
    for (const udid of everybody) world.comes(udid);
    await world.pass(3 * HOUR, MINUTE);
    expect(world.stored.stage).to.equal(1);
  });

  it('those that were away already do not hide it', async () => {
    const world = aWorld(fleet(1000), { stages: [{ percent: 10 }, { percent: 100 }] });
    for (let n = 0; n < 250; n++) world.goes(`device-${n}`);
    await world.pass(HOUR, HOUR / 2);
    const taken = udids(world);
    expect(taken).to.have.length(100);
    for (const udid of taken) world.takes(udid);
    for (const udid of taken.slice(60)) world.boots(udid, 'new');
    await world.pass(25 * MINUTE, 10_000);
    expect(world.stored.state).to.equal('halted');
    expect(world.stored.reason).to.match(/^60 of 100 updated devices/);
  });

  it('only those with the firmware are away: it halts', async () => {
    const world = await installedHalf();
    for (const udid of udids(world)) world.goes(udid);
    await world.pass(11 * MINUTE, 10_000);
    expect(world.stored.state).to.equal('halted');
    expect(world.stored.reason).to.equal(
      '200 of 200 updated devices did not come back or stay as they used to, within 4x their usual time',
    );
  });
});

describe('the conductor: a restart', () => {
  /** The server was killed, and nobody's going was noted: of those that were connected their last word is old. */
  async function killed(): Promise<RolloutWorld> {
    const world = aWorld(fleet(30), all);
    await world.tick(3);
    installAll(world);
    await world.pass(HOUR, MINUTE);
    world.online.clear();
    world.restart();
    await world.tick(3);
    return world;
  }

  it('who has not connected yet is no evidence', async () => {
    const world = await killed();
    await world.pass(5 * MINUTE, 10_000);
    expect(world.stored.state).to.equal('running');
    for (const { udid } of world.devices.values()) world.comes(udid);
    await world.pass(3 * HOUR, MINUTE);
    expect(world.stored.state).to.equal('done');
  });

  it('who does not come back within ten minutes is', async () => {
    const world = await killed();
    await world.pass(10 * MINUTE, 10_000);
    expect(world.stored.state).to.equal('halted');
    expect(world.stored.reason).to.match(/^30 of 30 updated devices/);
  });

  it('who has failed before is: a rollout that has begun in this process halts at once', async () => {
    const world = aWorld(fleet(30));
    await world.tick(3);
    world.takes(udids(world)[0] ?? '');
    await world.pass(24 * HOUR, 24 * HOUR);
    expect(world.stored.state).to.equal('halted');
  });
});
