import { expect } from 'chai';
import { FirmwireError } from '../../../core/errors.js';
import { KeyedLock } from '../../../core/keyed-lock.js';
import type { RolloutStore } from '../../../core/ports.js';
import { abort, advance, pause, resume } from '../../../core/rollouts/engine.js';
import type { RolloutWish } from '../../../core/rollouts/read-plan.js';
import type { Rollout } from '../../../core/rollouts/rollout.js';
import { RolloutChanges } from '../../../core/services/rollout-changes.js';
import { MINUTE, OWNER } from '../../support/builders.js';
import { anImage, codeOf, World } from '../../support/domain.js';

const udid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const WHO = { who: 'key', what: 'aborted' };
const STAGES = { stages: [{ devices: 1 }, { devices: 2 }, { percent: 100 }] };

describe('rollouts, when two things happen at once or one fails', () => {
  let world: World;
  /** Called before a rollout is written; may fail. */
  let beforePut: (rollout: Rollout) => Promise<void>;
  /** Called before a token is killed; may fail. */
  let beforeKill: () => void;
  beforeEach(async () => {
    beforePut = async () => {};
    beforeKill = () => {};
    world = await World.open({
      presence: { isOnline: () => true },
      wrap: (stores) => ({
        ...stores,
        rollouts: {
          ...stores.rollouts,
          put: async (...args: Parameters<RolloutStore['put']>) => {
            await beforePut(args[0]);
            return stores.rollouts.put(...args);
          },
        },
        tokens: {
          ...stores.tokens,
          kill: async (device) => {
            beforeKill();
            await stores.tokens.kill(device);
          },
        },
      }),
    });
  });
  afterEach(() => world.close());

  const begin = async (count: number, wish: Partial<RolloutWish> = {}): Promise<string> => {
    for (let n = 1; n <= count; n++)
      await world.device({
        udid: udid(n),
        mac: `5CCF7F0000${String(n).padStart(2, '0')}`,
        autoUpdate: true,
      });
    const { firmware } = await world.publish({ version: '2.0.0', rollout: 'none' });
    return (await world.domain.rollouts.create(OWNER, { firmware: firmware.id, ...wish }, 'key')).id;
  };
  const tick = () => world.domain.rollouts.tick();
  const rollout = (id: string) => world.domain.rollouts.get(OWNER, id);
  const firmware = async () => (await world.domain.catalog.list(OWNER))[0];
  const events = async (): Promise<string[]> =>
    (await world.domain.rollouts.log(OWNER, 100)).items.map(({ what }) => what);
  const grantOf = async (n: number) => (await world.record(udid(n))).grant;
  const anyoneInside = async (): Promise<string> => {
    for (const { udid: each, grant } of (await world.stores.devices.list(OWNER, 100)).items)
      if (grant) return each;
    throw new Error('nobody is inside');
  };
  const consider = (device: string) =>
    world.domain.desk.consider(device, { heldBackUntil: () => undefined, tell: async () => {} });

  it('an abort while the server is about to write the next stage: it stays aborted', async () => {
    const id = await begin(3, STAGES);
    await tick();
    await world.domain.rollouts.act(OWNER, id, advance, { who: 'key', what: 'advanced' });
    let aborted: Promise<Rollout> | undefined;
    beforePut = async ({ state }) => {
      if (state === 'running') aborted ??= world.domain.rollouts.act(OWNER, id, abort, WHO);
    };
    await tick();
    await aborted;
    expect(aborted).not.to.equal(undefined);
    expect(await rollout(id)).to.include({ state: 'aborted' });
    expect((await firmware())?.staging).to.include({ state: 'aborted' });
    await tick();
    expect((await events()).at(-1)).to.equal('aborted');
    expect((await consider(await anyoneInside()))?.decision).to.include({ reason: 'rollout_halted' });
  });

  it('an abort while the server writes that it is done: it is one or the other, and the firmware says the same', async () => {
    const id = await begin(1, { stages: [{ percent: 100 }] });
    await tick();
    await world.domain.rollouts.act(OWNER, id, advance, { who: 'key', what: 'advanced' });
    let outcome: Promise<unknown> | undefined;
    beforePut = async ({ state }) => {
      if (state === 'done') outcome ??= codeOf(world.domain.rollouts.act(OWNER, id, abort, WHO));
    };
    await tick();
    expect(await outcome).to.equal('rollout_state');
    expect(await rollout(id)).to.include({ state: 'done' });
    expect(await firmware()).to.include({ rollout: 'all-at-once' });
  });

  it('a stage that cannot be written down is not passed over', async () => {
    const id = await begin(3, STAGES);
    await tick();
    await world.domain.rollouts.act(OWNER, id, advance, { who: 'key', what: 'advanced' });
    beforePut = async () => {
      throw new FirmwireError('store_unavailable');
    };
    await tick();
    expect(world.log.lines.map(({ message }) => message)).to.include('a rollout cannot be looked at');
    expect(await rollout(id)).to.include({ stage: 0 });
    beforePut = async () => {};
    await tick();
    expect(await rollout(id)).to.include({ stage: 1, state: 'running' });
    expect((await firmware())?.staging).to.include({ stage: 2 });
    expect((await events()).filter((what) => what === 'stage_done')).to.have.length(1);
  });

  it('a rollout that cannot be looked at holds up no other', async () => {
    const sick = await begin(2, STAGES);
    const other = await world.publish({ version: '3.0.0', rollout: 'none' }, anImage(2000));
    const { id } = await world.domain.rollouts.create(
      OWNER,
      { firmware: other.firmware.id, ...STAGES },
      'key',
    );
    beforePut = async ({ id: each }) => {
      if (each === sick) throw new FirmwireError('store_unavailable');
    };
    await tick();
    expect([await rollout(sick), await rollout(id)].map(({ state }) => state)).to.deep.equal([
      'scheduled',
      'running',
    ]);
  });

  it('two clicks on advance let one stage pass', async () => {
    const id = await begin(3, STAGES);
    await tick();
    const { rollouts } = world.domain;
    const click = () => codeOf(rollouts.act(OWNER, id, advance, { who: 'key', what: 'advanced', stage: 1 }));
    expect(await click()).to.equal('no failure');
    await tick();
    expect(await click()).to.equal('rollout_state');
    await tick();
    expect(await rollout(id)).to.include({ stage: 1 });
  });

  it('what decisions rest on is set right if the process died before it was', async () => {
    const id = await begin(3, STAGES);
    await tick();
    const stale = await firmware();
    if (!stale?.staging) throw new Error('no staging');
    await world.domain.catalog.put({ ...stale, staging: { ...stale.staging, state: 'paused' } });
    world.clock.advance(MINUTE);
    await tick();
    expect((await firmware())?.staging).to.include({ state: 'running', rollout: id });
  });

  it('an abort that cannot take back an offer ends the rollout all the same, and the offer is worth nothing', async () => {
    const id = await begin(1, STAGES);
    await tick();
    const { offer } = (await consider(udid(1))) ?? {};
    beforeKill = () => {
      throw new FirmwireError('store_unavailable');
    };
    await world.domain.rollouts.act(OWNER, id, abort, WHO);
    beforeKill = () => {};
    expect(world.log.lines.map(({ message }) => message)).to.include('offers could not be taken back');
    expect(await rollout(id)).to.include({ state: 'aborted' });
    expect((await consider(udid(1)))?.decision).to.include({ reason: 'rollout_halted' });
    expect(await codeOf(world.redeem(offer?.token ?? ''))).to.equal('OTT_UPDATE_NOT_FOUND');
  });

  it('a device of a rollout that is paused or was ended, or that was set aside, does not get the firmware by asking for it', async () => {
    const id = await begin(1, STAGES);
    await tick();
    const { rollouts } = world.domain;
    const ask = () => world.domain.desk.request(udid(1), true, { use: 'ott' });
    await rollouts.act(OWNER, id, pause, { who: 'key', what: 'paused' });
    expect(await ask()).to.equal(undefined);
    await rollouts.act(OWNER, id, resume, { who: 'key', what: 'resumed' });
    expect(await ask()).to.include({ version: '2.0.0', consent: 'requested' });
    await rollouts.act(OWNER, id, abort, WHO);
    expect(await grantOf(1)).not.to.equal(undefined);
    expect(await codeOf(ask())).to.equal('UPDATE_NOT_FOUND');
    await world.publish({ version: '1.5.0' }, anImage(3000));
    await world.stores.devices.update(udid(1), (device) => ({
      ...device,
      quarantine: { at: world.clock.now(), firmware: '', reason: 'gave up' },
    }));
    expect(await ask()).to.equal(undefined);
  });

  it('firmware whose rollout could not be written down gets one when it is published again', async () => {
    await begin(20);
    await world.device({ udid: udid(21), mac: '5CCF7F000021', autoUpdate: true });
    const bytes = anImage(4000);
    const publish = () => world.publish({ version: '5.0.0', rollout: undefined }, bytes);
    beforePut = async () => {
      throw new FirmwireError('store_unavailable');
    };
    expect(await codeOf(publish())).to.equal('store_unavailable');
    const left = (await world.domain.catalog.list(OWNER)).find(({ version }) => version === '5.0.0');
    expect(left).to.include({ rollout: 'none' });
    expect(left?.staging).to.include({ state: 'halted' });
    beforePut = async () => {};
    expect((await publish()).rollout).to.include({ population: 21 });
    expect((await publish()).rollout).to.equal(undefined);
  });

  it('what was decided on a rollout that has changed since does nothing, not even to its firmware', async () => {
    const id = await begin(1, STAGES);
    const seen = await rollout(id);
    await world.domain.rollouts.act(OWNER, id, abort, WHO);
    const before = await firmware();
    const changes = new RolloutChanges({
      ...world.domain,
      store: world.stores.rollouts,
      lock: new KeyedLock(),
      log: world.log,
    });
    let writes = 0;
    beforePut = async () => void writes++;
    const done: Rollout = { ...seen, state: 'done', revision: seen.revision + 1 };
    expect(await changes.write(done, [])).to.equal(false);
    expect([writes, await firmware()]).to.deep.equal([0, before]);
    expect(world.log.lines.filter(({ level }) => level !== 'info')).to.deep.equal([]);
    expect((await consider(udid(1)))?.decision.kind).to.equal('none');
  });
});
