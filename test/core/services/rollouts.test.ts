import { expect } from 'chai';
import { abort, advance, pause, resume } from '../../../core/rollouts/engine.js';
import type { RolloutWish } from '../../../core/rollouts/read-plan.js';
import { HOUR, MINUTE, OWNER } from '../../support/builders.js';
import { anImage, codeOf, World } from '../../support/domain.js';

const udid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const WHO = { who: 'key', what: 'test' };

describe('rollouts', () => {
  let world: World;
  let online: Set<string>;
  beforeEach(async () => {
    online = new Set();
    world = await World.open({ presence: { isOnline: (each) => online.has(each) } });
  });
  afterEach(() => world.close());

  /** Devices of version 1.0.0 that update by themselves. */
  const fleet = async (count: number, change: object = {}): Promise<void> => {
    for (let n = 1; n <= count; n++) {
      const mac = `5CCF7F0000${String(n).padStart(2, '0')}`;
      await world.device({ udid: udid(n), mac, autoUpdate: true, ...change });
    }
  };
  const stored = async (version = '2.0.0'): Promise<string> =>
    (await world.publish({ version, rollout: 'none' })).firmware.id;
  const start = async (wish: Partial<RolloutWish> = {}) => {
    const { rollouts } = world.domain;
    const rollout = await rollouts.create(OWNER, { firmware: await stored(), ...wish }, 'key');
    await rollouts.tick();
    return rollout.id;
  };
  const rollout = (id: string) => world.domain.rollouts.get(OWNER, id);
  const devices = async () => (await world.stores.devices.list(OWNER, 100)).items;
  const inside = async () => (await devices()).filter(({ grant }) => grant).map((each) => each.udid);
  /** The device fetches what it is offered and comes back with it. */
  const install = async (id: string, version = '2.0.0'): Promise<void> => {
    const outcome = await world.domain.desk.consider(id, {
      heldBackUntil: () => undefined,
      tell: async () => {},
    });
    const delivery = await world.redeem(outcome?.offer?.token ?? '');
    await delivery.beforeLastPiece([0, delivery.firmware.size]);
    await delivery.end([0, delivery.firmware.size], true);
    await world.domain.registry.checkIn(id, { version });
  };
  const tick = async (ms = 0): Promise<void> => {
    world.clock.advance(ms);
    await world.domain.rollouts.tick();
  };
  const why = async (id: string): Promise<string> => {
    const device = await world.record(id);
    return (await world.domain.feed.view(device)).why.sentence;
  };

  it('lets in the devices of its first stage and no others, and says so of each', async () => {
    await fleet(4);
    const id = await start({ stages: [{ devices: 1 }, { percent: 100 }] });
    const [first = ''] = await inside();
    expect(await inside()).to.have.length(1);
    expect(await rollout(id)).to.include({ state: 'running', population: 4 });
    const others = (await devices()).map((each) => each.udid).filter((each) => each !== first);
    for (const other of others)
      expect(await why(other)).to.equal(
        'Waiting for its turn in the rollout of 2.0.0, which is at stage 1 of 2.',
      );
    expect((await world.domain.desk.consider(others[0] ?? ''))?.decision.kind).to.equal('none');
    expect((await world.domain.desk.consider(first))?.decision.kind).to.equal('offer');
  });

  it('goes on to the next stage once the first has passed its probation, and is released to all at its end', async () => {
    await fleet(3);
    const id = await start({ stages: [{ devices: 1 }, { percent: 100 }], probationMinutes: 10 });
    const [first = ''] = await inside();
    await install(first);
    online.add(first);
    await tick(9 * MINUTE);
    expect(await inside()).to.deep.equal([first]);
    await tick(2 * MINUTE);
    expect(await inside()).to.have.length(3);
    for (const each of (await inside()).filter((other) => other !== first)) {
      await install(each);
      online.add(each);
    }
    await tick(11 * MINUTE);
    expect(await rollout(id)).to.include({ state: 'done' });
    const [firmware] = await world.domain.catalog.list(OWNER);
    expect(firmware).to.include({ rollout: 'all-at-once' });
    const { items } = await world.domain.rollouts.log(OWNER, 100);
    expect(items.map(({ what, stage }) => `${what} ${stage ?? ''}`.trim())).to.deep.equal([
      'created',
      'begun',
      'stage_opened 1',
      'stage_done 1',
      'stage_opened 2',
      'stage_done 2',
      'done',
    ]);
  });

  it('halts when its first device does not come back, and takes back what the others were offered', async () => {
    await fleet(3);
    const id = await start({ stages: [{ devices: 2 }, { percent: 100 }], deadlineMinutes: 60 });
    const [first = '', second = ''] = await inside();
    const look = await world.domain.desk.consider(first, {
      heldBackUntil: () => undefined,
      tell: async () => {},
    });
    const delivery = await world.redeem(look?.offer?.token ?? '');
    await delivery.beforeLastPiece([0, delivery.firmware.size]);
    await delivery.end([0, delivery.firmware.size], true);
    const offered = await world.domain.desk.consider(second, {
      heldBackUntil: () => undefined,
      tell: async () => {},
    });
    const token = offered?.offer?.token ?? '';
    await tick(HOUR);
    expect(await rollout(id)).to.include({ state: 'halted' });
    expect((await rollout(id)).reason).to.match(/^\d of 2 devices of this stage failed, more than 10 %$/);
    expect(await codeOf(world.redeem(token))).to.equal('OTT_UPDATE_NOT_FOUND');
    expect((await world.record(second)).update?.state).to.equal('withdrawn');
    expect(await why(second)).to.equal('The rollout of 2.0.0 was halted.');
    await tick(24 * HOUR);
    expect(await inside()).to.have.length(2);
  });

  it('can be paused, resumed, advanced and aborted, and nothing else in each state', async () => {
    await fleet(3);
    const id = await start({ stages: [{ devices: 1 }, { devices: 2 }, { percent: 100 }] });
    const { rollouts } = world.domain;
    await rollouts.act(OWNER, id, pause, WHO);
    await tick(MINUTE);
    expect(await rollout(id)).to.include({ state: 'paused' });
    expect(await codeOf(rollouts.act(OWNER, id, pause, WHO))).to.equal('rollout_state');
    expect(await codeOf(rollouts.act(OWNER, id, advance, WHO))).to.equal('rollout_state');
    const [first = ''] = await inside();
    expect((await world.domain.desk.consider(first))?.decision).to.include({ reason: 'rollout_paused' });
    await rollouts.act(OWNER, id, resume, WHO);
    await rollouts.act(OWNER, id, advance, WHO);
    await tick();
    expect(await inside()).to.have.length(2);
    await rollouts.act(OWNER, id, abort, WHO);
    for (const action of [abort, pause, resume, advance])
      expect(await codeOf(rollouts.act(OWNER, id, action, WHO))).to.equal('rollout_state');
    expect((await world.domain.desk.consider(first))?.decision).to.include({ reason: 'rollout_halted' });
    expect(await codeOf(rollouts.get('f'.repeat(64), id))).to.equal('rollout_not_found');
  });

  it('waits for approval, once or for each stage, which is consent for devices that would have to be asked', async () => {
    await fleet(3, { autoUpdate: false });
    const { rollouts } = world.domain;
    const id = await start({ stages: [{ devices: 1 }, { percent: 100 }], approval: 'stage' });
    expect(await inside()).to.deep.equal([]);
    expect((await rollout(id)).reason).to.equal('waits for your approval');
    await rollouts.act(OWNER, id, advance, WHO);
    await tick();
    const [first = ''] = await inside();
    expect((await world.domain.desk.consider(first))?.decision).to.include({
      kind: 'offer',
      consent: 'approved',
    });
  });

  it('without approval asks the owner about devices whose auto update is off; without an answer others are let in for them at the deadline', async () => {
    await fleet(3, { autoUpdate: false });
    const id = await start({ stages: [{ devices: 1 }, { percent: 100 }] });
    await tick(MINUTE);
    const [first = ''] = await inside();
    expect((await world.record(first)).update?.state).to.equal('asked');
    await tick(24 * HOUR);
    expect(await inside()).to.have.length(2);
    expect(await rollout(id)).to.include({ state: 'running', stage: 0 });
    expect((await rollout(id)).stages[0]?.tally).to.deep.equal({ installed: 0, failed: 0 });
  });

  it('a device that gives up in a rollout is set aside, which its owner and the log are told, until it is sent something', async () => {
    await fleet(1);
    const id = await start({ stages: [{ devices: 1 }], retries: 0 });
    const [first = ''] = await inside();
    const teller = { heldBackUntil: () => undefined, tell: async () => {} };
    const look = await world.domain.desk.consider(first, teller);
    await (await world.redeem(look?.offer?.token ?? '')).end([0, 10], false);
    await world.domain.registry.checkIn(first, { version: '1.0.0', status: 'Not Enough space' });
    await world.domain.desk.consider(first, teller);
    expect((await world.record(first)).quarantine).to.include({
      reason: 'it failed to install 2.0.0 1 times',
    });
    expect(await why(first)).to.match(/^It is set aside since .*: it failed to install 2\.0\.0 1 times; /);
    await tick(MINUTE);
    expect(await rollout(id)).to.include({ state: 'halted' });
    const { items } = await world.domain.rollouts.log(OWNER, 100);
    expect(items.find(({ what }) => what === 'quarantined')).to.include({
      udid: first,
      rollout: id,
      who: 'server',
    });
    const { firmware } = await world.publish({ version: '3.0.0', rollout: 'all-at-once' });
    expect((await world.domain.desk.consider(first, teller))?.decision).to.include({ reason: 'quarantined' });
    await world.domain.orders.order(OWNER, first, firmware.id, false);
    expect((await world.domain.desk.consider(first, teller))?.offer).to.include({ version: '3.0.0' });
  });

  it('a device that is forgotten is not waited for: another takes its place', async () => {
    await fleet(2);
    await start({ stages: [{ devices: 1 }, { percent: 100 }] });
    const [first = ''] = await inside();
    await world.domain.registry.remove(OWNER, first);
    await tick(MINUTE);
    const left = (await devices()).map((each) => each.udid);
    expect([left.length, await inside()]).to.deep.equal([1, left]);
  });

  it('its firmware must be stored, of this owner, not released, and not under way', async () => {
    await fleet(1);
    const { rollouts } = world.domain;
    const create = (firmware: string) => codeOf(rollouts.create(OWNER, { firmware }, 'key'));
    expect(await create('nothing')).to.equal('firmware_not_found');
    const id = await stored();
    expect(await create(id)).to.equal('no failure');
    expect(await create(id)).to.equal('rollout_exists');
    const { firmware } = await world.publish({ version: '3.0.0', rollout: 'all-at-once' });
    expect(await create(firmware.id)).to.equal('already_released');
  });

  it('publishing to many without a word starts one, to few does not', async () => {
    await fleet(20);
    const few = await world.publish({ version: '1.1.0', rollout: undefined });
    expect([few.rollout, few.firmware.rollout]).to.deep.equal([undefined, 'all-at-once']);
    await world.device({ udid: udid(21), mac: '5CCF7F000021', autoUpdate: true });
    const many = await world.publish({ version: '1.2.0', rollout: undefined }, anImage(2000));
    expect(many.rollout).to.include({ population: 21 });
    expect(many.firmware.rollout).to.equal('none');
    const meant = await world.publish({ version: '1.3.0', rollout: 'all-at-once' }, anImage(2100));
    expect(meant.rollout).to.equal(undefined);
  });

  it('ends when its firmware is withdrawn, or published to all at once', async () => {
    await fleet(2);
    const id = await start({ stages: [{ devices: 1 }] });
    const [firmware] = await world.domain.catalog.list(OWNER);
    await world.domain.publisher.withdraw(OWNER, firmware?.id ?? '');
    expect(await rollout(id)).to.include({ state: 'halted', reason: 'its firmware was withdrawn' });
  });

  it('a restart changes nothing: the next process goes on from what is stored', async () => {
    await fleet(3);
    const id = await start({ stages: [{ devices: 1 }, { percent: 100 }], probationMinutes: 10 });
    const before = await inside();
    const restart = async (): Promise<void> => {
      const now = world.clock.now();
      world = world.again({ isOnline: (each) => online.has(each) });
      world.clock.advance(now - world.clock.now());
      await world.domain.rollouts.tick();
    };
    await restart();
    expect(await inside()).to.deep.equal(before);
    const [first = ''] = before;
    await install(first);
    online.add(first);
    world.clock.advance(11 * MINUTE);
    await restart();
    expect((await rollout(id)).stage).to.equal(1);
    expect(await inside()).to.have.length(3);
  });
});
