import { expect } from 'chai';
import { aCheckIn, MINUTE, OWNER, UDID } from '../../support/builders.js';
import { anImage, tokenIn, World, words } from '../../support/domain.js';

const SETTLE = 1500;
const FRESH = MINUTE;
const OFFER = 'FIRMWARE_UPDATE 1.1.0';

/** "Once, not twice" (wire.md 3). */
describe('a conversation', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
    await world.device({ autoUpdate: true });
    await world.publish();
  });
  afterEach(() => world.close());

  /** A connection that has subscribed and been offered. */
  const offered = async () => {
    const connection = world.connection();
    await connection.conversation.subscribed();
    await world.pass(SETTLE);
    expect(words(connection.said)).to.deep.equal([OFFER]);
    return connection;
  };
  const redeem = (said: string[]) => world.redeem(tokenIn(said));

  it('waits 1.5 s after SUBSCRIBE for the check-in, then offers once', async () => {
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await world.pass(SETTLE - 1);
    expect(said).to.deep.equal([]);
    await world.pass(1);
    expect(words(said)).to.deep.equal([OFFER]);
    await world.pass(FRESH - 1);
    expect(said).to.have.length(1);
  });

  it('offers at once when the check-in comes within that time, and not again after it', async () => {
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await world.pass(SETTLE - 1);
    await conversation.checkedIn(aCheckIn());
    expect(words(said)).to.deep.equal([OFFER]);
    await world.pass(SETTLE);
    expect(said).to.have.length(1);
  });

  it('offers when the device subscribes, if the check-in came before', async () => {
    const { conversation, said } = world.connection();
    await conversation.checkedIn(aCheckIn());
    expect(said).to.deep.equal([]);
    await conversation.subscribed();
    expect(words(said)).to.deep.equal([OFFER]);
  });

  it('news that comes while it waits is offered once', async () => {
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await world.publish({ version: '1.2.0' }, anImage(1000, 2));
    expect(said).to.deep.equal([]);
    await world.pass(SETTLE);
    expect(words(said)).to.deep.equal(['FIRMWARE_UPDATE 1.2.0']);
  });

  it('does not repeat a fresh offer on one connection, however often the device checks in', async () => {
    const { conversation, said } = await offered();
    for (let i = 0; i < 3; i++) await conversation.checkedIn(aCheckIn());
    await world.domain.announcer.reconsider(UDID);
    expect(words(said)).to.deep.equal([OFFER, 'OK', 'OK', 'OK']);
  });

  it('repeats the offer when it is fresh no more and no download has begun', async () => {
    const { said } = await offered();
    await world.domain.announcer.reconsider(UDID);
    await world.pass(FRESH);
    expect(words(said)).to.deep.equal([OFFER, OFFER]);
  });

  it('repeats the offer when the clock was set back by more than it stays fresh', async () => {
    const { conversation, said } = await offered();
    world.clock.sleep(-FRESH + 1);
    await conversation.checkedIn(aCheckIn());
    expect(words(said)).to.deep.equal([OFFER, 'OK']);
    world.clock.sleep(-1);
    await conversation.checkedIn(aCheckIn());
    expect(words(said)).to.deep.equal([OFFER, 'OK', OFFER]);
  });

  it('a newer firmware is no repetition: it is told at once', async () => {
    const { said } = await offered();
    await world.publish({ version: '1.2.0' }, anImage(1000, 2));
    expect(words(said)).to.deep.equal([OFFER, 'FIRMWARE_UPDATE 1.2.0']);
  });

  it('offers again on a new connection, with a new token', async () => {
    const first = await offered();
    const second = await offered();
    expect(tokenIn(second.said)).not.to.equal(tokenIn(first.said));
  });

  it('does not offer on a new connection while a download with the current token is fresh', async () => {
    const delivery = await redeem((await offered()).said);
    await delivery.end([0, 10], false);
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await world.pass(SETTLE);
    expect(said).to.deep.equal([]);
    await world.pass(FRESH - SETTLE);
    expect(words(said)).to.deep.equal([OFFER]);
  });

  it('does not offer while a download is under way, however long it takes', async () => {
    const delivery = await redeem((await offered()).said);
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    for (let i = 0; i < 5; i++) await world.pass(FRESH);
    expect(said).to.deep.equal([]);
    await delivery.end([0, 10], false);
    await world.pass(FRESH);
    expect(words(said)).to.deep.equal([OFFER]);
  });

  it('a device that comes back with the old version gets it again with growing pauses, three times at most', async () => {
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const { conversation, said } = world.connection();
      await conversation.subscribed();
      await conversation.checkedIn(aCheckIn());
      let waited = 0;
      while (!words(said).includes(OFFER) && waited < 10) {
        await world.pass(MINUTE);
        waited++;
      }
      pauses.push(waited);
      const delivery = await redeem(said);
      await delivery.beforeLastPiece([0, 1000]);
      await delivery.end([0, 1000], true);
    }
    expect(pauses).to.deep.equal([0, 1, 2]);
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    for (let i = 0; i < 20; i++) await world.pass(10 * MINUTE);
    expect(words(said)).to.deep.equal(['OK']);
    expect((await world.record()).update).to.include({ state: 'failed', attempts: 3 });
  });

  it("after the owner's yes, a device with auto update off first hears that it is on", async () => {
    await world.domain.registry.patch(OWNER, UDID, { autoUpdate: false });
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    expect(JSON.parse(said[0] ?? '').registration).to.include({ status: 'OK', auto_update: false });
    await world.domain.consent.answer(OWNER, UDID, 'approve');
    await world.domain.announcer.reconsider(UDID);
    expect(words(said)).to.deep.equal(['OK', 'OK', OFFER]);
    expect(JSON.parse(said[1] ?? '').registration).to.include({ auto_update: true });
  });

  it('an order within the fresh time leaves the device with a token that works', async () => {
    const { said } = await offered();
    await world.domain.orders.order(OWNER, UDID, undefined, false);
    await world.domain.announcer.reconsider(UDID);
    const delivery = await redeem(said);
    expect(delivery.firmware.version).to.equal('1.1.0');
  });

  it('an offer that could not be sent does not count as told', async () => {
    const { conversation, said, line } = world.connection();
    line.isUp = false;
    await conversation.subscribed();
    await world.pass(SETTLE);
    line.isUp = true;
    await conversation.checkedIn(aCheckIn());
    expect(words(said)).to.deep.equal([OFFER]);
  });

  it('says nothing any more once it is closed', async () => {
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    world.domain.conversations.close(conversation);
    await world.pass(SETTLE);
    expect(said).to.deep.equal([]);
    expect(world.clock.pending).to.equal(0);
  });

  it('of one device takes the place of the one before', async () => {
    const [first, second] = [world.connection(), world.connection()];
    await first.conversation.subscribed();
    await second.conversation.subscribed();
    expect(world.domain.conversations.close(first.conversation)).to.equal(false);
    expect(world.domain.conversations.get(UDID)).to.equal(second.conversation);
  });
});
