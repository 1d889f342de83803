import { expect } from 'chai';
import { aCheckIn, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { codeOf, World } from '../../support/domain.js';

const MAC = '5CCF7F1A2B3C';

describe('the registry', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());
  const register = async (facts = aCheckIn(), owner = OWNER) => {
    const { device, stored } = await world.domain.registry.register(owner, facts);
    await stored;
    return (await world.stores.devices.get(device.udid)) ?? device;
  };
  /** What is known of a device when it tells neither UDID nor MAC. */
  const nameless = () => {
    const { udid: _udid, mac: _mac, ...rest } = aCheckIn();
    return rest;
  };
  const count = async (owner = OWNER) => (await world.stores.devices.list(owner, 100)).items.length;

  it('makes a new device of one unknown so far, with its UDID, auto update off and a generated alias', async () => {
    const device = await register();
    expect(device).to.include({ owner: OWNER, udid: UDID, mac: MAC, autoUpdate: false, version: '1.0.0' });
    expect(device.alias).to.match(/^esp8266-/);
    expect(world.events).to.deep.equal(['created', 'checkin']);
  });

  it('makes up a UDID for one that tells none', async () => {
    const device = await register({ ...nameless(), mac: MAC });
    expect(device.udid).to.match(/^[0-9a-f-]{36}$/);
  });

  it("takes auto_update from the build once; then the owner's setting wins", async () => {
    expect(await register(aCheckIn({ autoUpdate: true }))).to.include({ autoUpdate: true });
    await world.domain.registry.patch(OWNER, UDID, { autoUpdate: false });
    expect(await register(aCheckIn({ autoUpdate: true }))).to.include({ autoUpdate: false });
  });

  it('takes auto_update also from the first check-in of a device that had only connected', async () => {
    await world.domain.registry.admit(OWNER, UDID);
    expect(await register(aCheckIn({ autoUpdate: true }))).to.include({ autoUpdate: true });
  });

  it('knows a device by its UDID', async () => {
    await world.device({ mac: undefined });
    expect(await register(aCheckIn({ version: '1.0.1' }))).to.include({ alias: 'kitchen', version: '1.0.1' });
    expect(await count()).to.equal(1);
  });

  it('knows a device by its MAC when it tells no UDID, or one unknown so far', async () => {
    await world.device();
    for (const facts of [{ ...nameless(), mac: MAC }, aCheckIn({ udid: OTHER_UDID })])
      expect((await register(facts)).udid).to.equal(UDID);
    expect(await count()).to.equal(1);
  });

  it("a UDID of another owner never touches that owner's record, and is not taken", async () => {
    await world.device({ owner: OTHER_OWNER, mac: undefined });
    const theirs = await world.record();
    const mine = await register();
    expect(mine.owner).to.equal(OWNER);
    expect(mine.udid).not.to.equal(UDID);
    expect(await world.record()).to.deep.equal(theirs);
    expect(await world.domain.registry.admit(OWNER, UDID)).to.equal(false);
  });

  it('a MAC of another owner is another device', async () => {
    await world.device({ owner: OTHER_OWNER });
    const theirs = await world.record();
    const mine = await register({ ...nameless(), mac: MAC });
    expect(mine).to.include({ owner: OWNER, mac: MAC });
    expect(mine.udid).not.to.equal(UDID);
    expect(await world.record()).to.deep.equal(theirs);
  });

  it("a UDID of another owner with a MAC of one's own is one's own device", async () => {
    await world.device({ udid: OTHER_UDID });
    await world.device({ owner: OTHER_OWNER, mac: undefined });
    expect((await register()).udid).to.equal(OTHER_UDID);
  });

  it('of several check-ins at once of a new device makes one device', async () => {
    await Promise.all([1, 2, 3].map(() => register()));
    expect(await count()).to.equal(1);
  });

  it('of several check-ins at once of a new device without a UDID makes one device', async () => {
    await Promise.all([1, 2, 3].map(() => register({ ...nameless(), mac: MAC })));
    expect(await count()).to.equal(1);
  });

  it('with closed admission lets known devices in and no others', async () => {
    await world.close();
    world = await World.open({ settings: { devices: { admission: 'closed' } } });
    expect(await codeOf(register())).to.equal('admission_closed');
    expect(await world.domain.registry.admit(OWNER, UDID)).to.equal(false);
    await world.device();
    expect((await register()).udid).to.equal(UDID);
    expect(await world.domain.registry.admit(OWNER, UDID)).to.equal(true);
  });

  it('admits so many devices of an owner, by whichever way, and one more when one is forgotten', async () => {
    await world.close();
    world = await World.open({ settings: { limits: { devicesPerOwner: 2 } } });
    const { registry } = world.domain;
    const third = '00000000-0000-4000-8000-000000000003';
    await register();
    expect(await registry.admit(OWNER, OTHER_UDID)).to.equal(true);
    expect(await registry.admit(OWNER, third)).to.equal(false);
    expect(await codeOf(register(aCheckIn({ udid: third, mac: '5CCF7F000003' })))).to.equal(
      'too_many_devices',
    );
    expect(await registry.admit(OTHER_OWNER, third)).to.equal(true);
    expect(await registry.admit(OWNER, UDID), 'known').to.equal(true);
    expect(world.telemetry.counts['limit devices']).to.equal(2);
    await registry.remove(OTHER_OWNER, third);
    await registry.remove(OWNER, OTHER_UDID);
    expect(await registry.admit(OWNER, third)).to.equal(true);
  });

  it('a check-in of a device that is gone comes to nothing', async () => {
    expect(await world.domain.registry.checkIn(UDID, aCheckIn())).to.equal(undefined);
    await world.domain.registry.seen(UDID, 'checkout');
    expect(world.told).to.deep.equal([]);
  });

  it("keeps the updater's error of a failed download and shows it", async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const outcome = await world.domain.desk.consider(UDID, {
      heldBackUntil: () => undefined,
      tell: async () => {},
    });
    await (await world.redeem(outcome?.offer?.token ?? '')).end([0, 10], false);
    await world.domain.registry.checkIn(UDID, aCheckIn({ status: 'Not Enough space' }));
    expect((await world.record()).update).to.include({
      state: 'failed',
      error: 'Not Enough space',
      attempts: 1,
    });
    const state = JSON.parse(world.toldOn(`/rtm/devices/${UDID}`).at(-1) ?? '');
    expect(state.update.error).to.equal('Not Enough space');
    expect(state.why.sentence).to.include('Not Enough space');
  });

  describe('patch', () => {
    const patch = (change: Parameters<typeof world.domain.registry.patch>[2], owner = OWNER) =>
      world.domain.registry.patch(owner, UDID, change);
    beforeEach(() => world.device());

    it('changes what is said and nothing else', async () => {
      expect(await patch({ alias: 'Küche', tags: ['beta'] })).to.include({
        alias: 'Küche',
        autoUpdate: false,
      });
      expect((await patch({ autoUpdate: true })).tags).to.deep.equal(['beta']);
    });

    it('refuses an alias that cannot be sent to a device', async () => {
      for (const alias of ['', ' ', 'a}', '{', 'a\n', 'x'.repeat(101), ' a'])
        expect(await codeOf(patch({ alias })), alias).to.equal('field_invalid');
    });

    it("of another owner's device finds none", async () => {
      expect(await codeOf(patch({ alias: 'x' }, OTHER_OWNER))).to.equal('no_such_device');
    });
  });

  describe('remove', () => {
    it('forgets the device, its token, its download, its notice and its state', async () => {
      await world.device();
      await world.publish();
      await world.domain.consent.answer(OWNER, UDID, 'approve');
      const outcome = await world.domain.desk.consider(UDID, {
        heldBackUntil: () => undefined,
        tell: async () => {},
      });
      const token = outcome?.offer?.token ?? '';
      let cut = 0;
      await world.redeem(token, undefined, () => cut++);
      await world.domain.registry.remove(OWNER, UDID);
      expect(cut).to.equal(1);
      expect(await codeOf(world.redeem(token))).to.equal('OTT_UPDATE_NOT_FOUND');
      expect(world.toldOn(`/rtm/devices/${UDID}`).at(-1)).to.equal('');
      expect(world.toldOn(`/rtm/notices/${UDID}`).at(-1)).to.equal('');
      expect(world.events.at(-1)).to.equal('removed');
    });

    it("of another owner's device finds none and leaves it", async () => {
      await world.device();
      expect(await codeOf(world.domain.registry.remove(OTHER_OWNER, UDID))).to.equal('no_such_device');
      expect((await world.record()).udid).to.equal(UDID);
    });
  });
});
