import { expect } from 'chai';
import type { Device } from '../../../core/device.js';
import { offered } from '../../../core/update.js';
import {
  aCheckIn,
  aFirmware,
  HOUR,
  NOW,
  OTHER_OWNER,
  OTHER_UDID,
  OWNER,
  UDID,
} from '../../support/builders.js';
import { tokenIn, World, words } from '../../support/domain.js';

describe('"Install" in Home Assistant', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open({ settings: { homeAssistant: { enabled: true }, offers: { maxAttempts: 1 } } });
  });
  afterEach(() => world.close());

  const install = (owner = OWNER, udid = UDID) => world.domain.installs.install(owner, udid);
  const update = async () => (await world.record()).update;
  const known = async (change: Partial<Device> = {}): Promise<void> => {
    await world.device(change);
    await world.publish();
  };

  it('answers the open question with yes', async () => {
    await known();
    expect(await install()).to.equal(true);
    expect(await update()).to.include({ state: 'approved', consent: 'approved', version: '1.1.0' });
  });

  it('answers a question that was postponed', async () => {
    await known();
    await world.domain.consent.answer(OWNER, UDID, 'later');
    expect(await install()).to.equal(true);
    expect(await update()).to.include({ state: 'approved', consent: 'approved' });
    expect((await update())?.postponedUntil).to.equal(undefined);
  });

  it('orders what was declined, and takes that back', async () => {
    await known();
    await world.domain.consent.answer(OWNER, UDID, 'decline');
    expect(await install()).to.equal(true);
    expect(await update()).to.include({ state: 'approved', consent: 'ordered' });
    expect((await world.record()).declined).to.deep.equal([]);
  });

  it('orders what has failed, with new attempts', async () => {
    await known({ autoUpdate: true });
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    const delivery = await world.redeem(tokenIn(said));
    await world.domain.registry.checkIn(UDID, aCheckIn({ status: 'Wrong MD5' }));
    await delivery.end([0, 10], false);
    await world.pass(HOUR);
    expect(await update()).to.include({ state: 'failed', attempts: 1 });
    expect(await install()).to.equal(true);
    expect(await update()).to.include({ state: 'approved', consent: 'ordered', attempts: 0 });
    await conversation.reconsider();
    expect(words(said).at(-1)).to.equal('FIRMWARE_UPDATE 1.1.0');
  });

  it('orders what was too large: the device may have room by now', async () => {
    await known({ autoUpdate: true, freeSpace: 10 });
    expect(await install()).to.equal(true);
    expect(await update()).to.include({ state: 'approved', consent: 'ordered' });
    expect((await world.record()).freeSpace).to.equal(undefined);
  });

  it('lets alone what the device has been told, or may have anyway', async () => {
    await known({ autoUpdate: true });
    expect(await install()).to.equal(true);
    expect(await update()).to.equal(undefined);
    const [firmware = aFirmware()] = await world.domain.catalog.list(OWNER);
    const told = offered(undefined, firmware, '1.0.0', 'auto', 'token', NOW);
    await world.domain.records.change(UDID, (device) => ({ ...device, update: told }));
    expect(await install()).to.equal(true);
    expect(await update()).to.include({ state: 'offered', consent: 'auto', token: 'token' });
  });

  it('does nothing where nothing is available: no firmware, none that is newer, none that is released', async () => {
    await world.device();
    expect(await install()).to.equal(false);
    await world.publish({ version: '1.0.0' });
    expect(await install()).to.equal(false);
    await world.publish({ version: '2.0.0', rollout: 'none', udid: UDID, platform: undefined });
    expect(await install()).to.equal(false);
    expect(await update()).to.equal(undefined);
  });

  it("does nothing about a device that is another owner's or nobody's", async () => {
    await known();
    expect(await install(OTHER_OWNER)).to.equal(false);
    expect(await install(OWNER, OTHER_UDID)).to.equal(false);
    expect(await update()).to.include({ state: 'asked' });
  });

  it('that comes twice at once approves once', async () => {
    await known();
    const [first, second] = await Promise.all([install(), install()]);
    expect([first, second]).to.include(true);
    expect(await update()).to.include({ state: 'approved', consent: 'approved' });
  });
});
