import { expect } from 'chai';
import { aCheckIn, HOUR, MINUTE, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { anImage, codeOf, World } from '../../support/domain.js';

const NOBODY = { heldBackUntil: () => undefined, tell: async () => {} };

describe('the desk', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());
  const state = async () => (await world.record()).update?.state;
  const works = (token: string) =>
    codeOf(world.redeem(token).then((delivery) => delivery.end([0, 0], false)));

  it('knows nothing of a device that does not exist', async () => {
    expect(await world.domain.desk.consider(UDID, NOBODY)).to.equal(undefined);
  });

  it('offers to a consenting device, with a token that works', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const outcome = await world.domain.desk.consider(UDID, NOBODY);
    expect(outcome?.offer).to.include({ version: '1.1.0', consent: 'auto' });
    expect(await state()).to.equal('offered');
    expect(await works(outcome?.offer?.token ?? '')).to.equal('no failure');
  });

  it('issues nothing while the device cannot be told, or must not be told yet', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    expect((await world.domain.desk.consider(UDID))?.offer).to.equal(undefined);
    const later = await world.domain.desk.consider(UDID, { ...NOBODY, heldBackUntil: () => 77 });
    expect(later).to.include({ offer: undefined, again: 77 });
    expect(await state()).to.equal(undefined);
  });

  it('asking again while an offer is open gives a new token and kills the old one', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const [first, second] = [
      await world.domain.desk.consider(UDID, NOBODY),
      await world.domain.desk.consider(UDID, NOBODY),
    ];
    expect(await works(first?.offer?.token ?? '')).to.equal('OTT_UPDATE_NOT_FOUND');
    expect(await works(second?.offer?.token ?? '')).to.equal('no failure');
  });

  it('a device that asks for a token too often gets none for a while, and the one it has stays good', async () => {
    await world.close();
    world = await World.open({ settings: { limits: { tokensPerHourPerDevice: 2 } } });
    world.clock.advance(HOUR - (world.clock.now() % HOUR));
    await world.device({ autoUpdate: true });
    await world.publish();
    const { desk } = world.domain;
    await desk.consider(UDID, NOBODY);
    const last = await desk.consider(UDID, NOBODY);
    const refused = await desk.consider(UDID, NOBODY);
    expect(refused).to.include({ offer: undefined, again: world.clock.now() + MINUTE });
    expect(await codeOf(desk.request(UDID, true, {}))).to.equal('throttled');
    expect(world.telemetry.counts['limit tokens']).to.equal(2);
    expect(await works(last?.offer?.token ?? '')).to.equal('no failure');
    world.clock.advance(HOUR);
    expect((await desk.consider(UDID, NOBODY))?.offer?.version).to.equal('1.1.0');
  });

  it('of two looks at once the later token counts, and the record says so', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const told: string[] = [];
    const teller = {
      ...NOBODY,
      tell: async (_: unknown, { token }: { token: string }) => void told.push(token),
    };
    await Promise.all([1, 2, 3].map(() => world.domain.desk.consider(UDID, teller)));
    expect(told).to.have.length(3);
    expect(await works(told[2] ?? '')).to.equal('no failure');
    expect(await works(told[1] ?? '')).to.equal('OTT_UPDATE_NOT_FOUND');
  });

  it('asks the owner once, retained, and never offers without consent', async () => {
    await world.device();
    await world.publish();
    for (let i = 0; i < 3; i++)
      expect((await world.domain.desk.consider(UDID, NOBODY))?.offer).to.equal(undefined);
    const notices = world.told.filter(({ topic }) => topic.endsWith(`/rtm/notices/${UDID}`));
    expect(notices.map(({ retain }) => retain)).to.deep.equal([true]);
    expect(notices[0]?.payload).to.match(/^\{"notification".*"version":"1.1.0","installed":"1.0.0"/);
    expect(await state()).to.equal('asked');
  });

  it("replaces the open question by a newer firmware's, and clears it when the device has the version", async () => {
    await world.device();
    await world.publish();
    await world.publish({ version: '1.2.0' }, anImage(1000, 2));
    await world.domain.registry.checkIn(UDID, aCheckIn({ version: '1.2.0' }));
    await world.domain.desk.consider(UDID);
    const notices = world.toldOn(`/rtm/notices/${UDID}`);
    const versions = notices.map((text) => (text === '' ? '' : JSON.parse(text).notification.version));
    expect(versions).to.deep.equal(['1.1.0', '1.2.0', '']);
  });

  it('takes an offer back that became moot, and its token dies', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const outcome = await world.domain.desk.consider(UDID, NOBODY);
    await world.domain.registry.checkIn(UDID, aCheckIn({ version: '2.0.0' }));
    await world.domain.desk.consider(UDID, NOBODY);
    expect(await works(outcome?.offer?.token ?? '')).to.equal('OTT_UPDATE_NOT_FOUND');
    const { update } = await world.record();
    expect([update?.state, update?.cancelOwed]).to.deep.equal(['withdrawn', true]);
  });

  it('a download that completes while a moot offer is being closed is not forgotten', async () => {
    let during = async (): Promise<void> => {};
    await world.close();
    world = await World.open({
      wrap: (stores) => ({
        ...stores,
        tokens: {
          ...stores.tokens,
          kill: async (udid) => {
            await during();
            await stores.tokens.kill(udid);
          },
        },
      }),
    });
    await world.device({ autoUpdate: true });
    await world.publish();
    const outcome = await world.domain.desk.consider(UDID, NOBODY);
    await world.stores.devices.update(UDID, (device) => ({ ...device, declined: ['1.1.0'] }));
    during = async () => {
      const delivery = await world.redeem(outcome?.offer?.token ?? '');
      await delivery.beforeLastPiece([0, 1000]);
      await delivery.end([0, 1000], true);
    };
    await world.domain.desk.consider(UDID, NOBODY);
    expect((await world.record()).update).to.include({ proven: true, attempts: 1 });
  });

  describe('request', () => {
    const request = (forced = false) => world.domain.desk.request(UDID, forced, { use: 'ott' });

    it('gives a consenting device a token that carries its parameters', async () => {
      await world.device({ autoUpdate: true });
      await world.publish();
      const offer = await request();
      expect(await works(offer?.token ?? '')).to.equal('no failure');
    });

    it('answers nothing newer without consent, and the owner is asked', async () => {
      await world.device();
      await world.publish();
      expect(await request()).to.equal(undefined);
      expect(await state()).to.equal('asked');
    });

    it('that is forced gets the newest though it is not newer and auto update is off, but nothing unreleased', async () => {
      await world.device({ version: '3.0.0' });
      await world.publish();
      await world.publish({ version: '4.0.0', rollout: 'none' }, anImage(1000, 4));
      expect(await request(true)).to.include({ version: '1.1.0', consent: 'requested' });
    });

    it('fails when there is no firmware at all, or no device', async () => {
      expect(await codeOf(request())).to.equal('no_such_device');
      await world.device();
      for (const forced of [true, false]) expect(await codeOf(request(forced))).to.equal('UPDATE_NOT_FOUND');
      await world.publish({ udid: OTHER_UDID, platform: 'arduino:esp8266' });
      expect(await codeOf(request())).to.equal('UPDATE_NOT_FOUND');
    });
  });

  describe('order', () => {
    const order = (id?: string, forced = false, owner = OWNER) =>
      world.domain.orders.order(owner, UDID, id, forced);
    const offered = async () => (await world.domain.desk.consider(UDID, NOBODY))?.offer?.version;

    it('is the consent: the device is offered the newest, auto update off or not', async () => {
      await world.device();
      await world.publish();
      await order();
      expect(await state()).to.equal('approved');
      expect(await offered()).to.equal('1.1.0');
    });

    it('of an older version has to be forced, and the newer ones are not pushed after it', async () => {
      await world.device({ version: '2.0.0', autoUpdate: true });
      const { firmware } = await world.publish();
      await world.publish({ version: '2.1.0' }, anImage(1000, 2));
      expect(await codeOf(order(firmware.id))).to.equal('not_newer');
      await order(firmware.id, true);
      expect(await offered()).to.equal('1.1.0');
      await world.domain.registry.checkIn(UDID, aCheckIn({ version: '1.1.0' }));
      expect(await offered()).to.equal(undefined);
    });

    it('overrules an earlier no, and begins counting anew', async () => {
      await world.device();
      await world.publish();
      await world.domain.consent.answer(OWNER, UDID, 'decline');
      await order();
      expect(await offered()).to.equal('1.1.0');
      expect((await world.record()).update?.attempts).to.equal(0);
    });

    it("is refused for what is not the owner's, not meant for the device, or not there", async () => {
      await world.device();
      expect(await codeOf(order())).to.equal('firmware_not_found');
      const { firmware } = await world.publish({ udid: OTHER_UDID });
      expect(await codeOf(order(firmware.id))).to.equal('wrong_target');
      expect(await codeOf(order('no such id'))).to.equal('firmware_not_found');
      expect(await codeOf(order(firmware.id, true, OTHER_OWNER))).to.equal('no_such_device');
    });
  });

  it('a forced request that led to nothing does not stand for ever', async () => {
    await world.device({ version: '3.0.0' });
    await world.publish();
    await world.domain.desk.request(UDID, true, {});
    world.clock.advance(MINUTE);
    expect((await world.domain.desk.consider(UDID, NOBODY))?.offer).to.include({ consent: 'requested' });
    world.clock.advance(2 * HOUR);
    expect((await world.domain.desk.consider(UDID, NOBODY))?.offer).to.equal(undefined);
  });
});
