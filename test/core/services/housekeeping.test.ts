import { expect } from 'chai';
import type { Device } from '../../../core/device.js';
import { postponed } from '../../../core/update.js';
import { HOUR, MINUTE, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { anImage, World } from '../../support/domain.js';
import { gate } from '../../support/gate.js';

describe('housekeeping', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(async () => {
    world.domain.housekeeping.stop();
    await world.close();
  });
  const notices = (udid = UDID) => world.toldOn(`/rtm/notices/${udid}`);

  it('asks again when the owner wanted to be asked later, and not before', async () => {
    await world.device();
    await world.publish();
    await world.domain.consent.answer(OWNER, UDID, 'later');
    world.clock.advance(24 * HOUR - 1);
    await world.domain.housekeeping.round();
    expect(notices().at(-1)).to.equal('');
    world.clock.advance(1);
    await world.domain.housekeeping.round();
    expect(notices().at(-1)).to.match(/^\{"notification"/);
    expect(await world.stores.devices.due(world.clock.now(), 10)).to.deep.equal([]);
  });

  it('is done with a postponed question when auto update was turned on meanwhile', async () => {
    await world.device();
    await world.publish();
    await world.domain.consent.answer(OWNER, UDID, 'later');
    await world.domain.registry.patch(OWNER, UDID, { autoUpdate: true });
    world.clock.advance(24 * HOUR);
    await world.domain.housekeeping.round();
    expect(await world.stores.devices.due(world.clock.now(), 10)).to.deep.equal([]);
  });

  it('is not held up by a device that it cannot look at', async () => {
    const broken = '00000000-0000-0000-0000-000000000000';
    await world.device({ udid: broken, mac: undefined });
    await world.device();
    await world.publish();
    const postpone = (device: Device): Device => ({
      ...device,
      update: device.update && postponed(device.update, world.clock.now()),
    });
    for (const udid of [broken, UDID]) await world.stores.devices.update(udid, postpone);
    const { announcer } = world.domain;
    const reconsider = announcer.reconsider.bind(announcer);
    announcer.reconsider = (udid) =>
      udid === broken ? Promise.reject(new Error('damaged')) : reconsider(udid);
    await world.domain.housekeeping.round().catch(() => {});
    expect((await world.record()).update?.postponedUntil).to.equal(undefined);
  });

  it('forgets tokens that expired', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    await world.domain.desk.consider(UDID, { heldBackUntil: () => undefined, tell: async () => {} });
    const hash = (await world.record()).update?.token ?? '';
    world.clock.advance(24 * HOUR - 1);
    await world.domain.housekeeping.round();
    expect(await world.stores.tokens.get(hash)).not.to.equal(undefined);
    world.clock.advance(MINUTE);
    await world.domain.housekeeping.round();
    expect(await world.stores.tokens.get(hash)).to.equal(undefined);
  });

  it('does a round now and one every so often, until stopped', async () => {
    const sweep = world.stores.tokens.sweep;
    let done = gate();
    let rounds = 0;
    Object.assign(world.stores.tokens, {
      sweep: async () => {
        rounds++;
        done.open();
        return 0;
      },
    });
    const { housekeeping } = world.domain;
    housekeeping.start(1000);
    await done.opened;
    await housekeeping.round();
    done = gate();
    world.clock.advance(1000);
    await done.opened;
    await housekeeping.round();
    housekeeping.stop();
    const before = rounds;
    world.clock.advance(10_000);
    await housekeeping.round();
    expect(rounds).to.equal(before + 1);
    Object.assign(world.stores.tokens, { sweep });
  });

  it('forgets in one round all tokens that have expired, in steps', async () => {
    const left = [1000, 1000, 7, 0];
    const { sweep } = world.stores.tokens;
    Object.assign(world.stores.tokens, { sweep: async () => left.shift() });
    await world.domain.housekeeping.round();
    expect(left).to.deep.equal([0]);
    Object.assign(world.stores.tokens, { sweep });
  });

  it('after a crash asks the questions that were not asked, of every owner, and closes the moot ones', async () => {
    for (const owner of [OWNER, OTHER_OWNER])
      await world.stores.accounts.createOwner({ id: owner, name: owner, createdAt: 0 });
    await world.publish();
    await world.publish({}, anImage(), OTHER_OWNER);
    await world.device();
    await world.device({ owner: OTHER_OWNER, udid: OTHER_UDID, mac: undefined });
    await world.domain.housekeeping.recover();
    expect([notices().length, notices(OTHER_UDID).length]).to.deep.equal([1, 1]);
    await world.stores.devices.update(UDID, (device) => ({ ...device, version: '1.1.0' }));
    await world.domain.housekeeping.recover();
    expect(notices().at(-1)).to.equal('');
  });
});
