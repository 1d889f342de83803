import { expect } from 'chai';
import { aCheckIn, OWNER, UDID } from '../../support/builders.js';
import { tokenIn, World } from '../../support/domain.js';

describe('what is counted', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());

  it('check-ins, by how they came in', async () => {
    await world.device();
    const { conversation } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    await world.domain.registry.checkIn(UDID, aCheckIn());
    await world.domain.registry.register(OWNER, aCheckIn()).then(({ stored }) => stored);
    expect(world.telemetry.counts).to.deep.equal({ 'checked in mqtt': 2, 'checked in http': 1 });
  });

  it('a token from its issue to its end, and the offer it was made for', async () => {
    await world.device({ autoUpdate: true });
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    await world.publish();
    const token = tokenIn(said);
    const delivery = await world.redeem(token);
    expect(await delivery.beforeLastPiece([0, 1000])).to.equal(true);
    await delivery.end([0, 1000], true);
    await world.redeem(token).catch(() => {});
    expect(world.telemetry.counts).to.deep.equal({
      'checked in mqtt': 1,
      'offered auto': 1,
      'token issued': 1,
      'token redeemed': 1,
      'token completed': 1,
      'download completed': 1,
      'token refused': 1,
    });
  });

  it('a token that a newer one took the place of', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const first = await world.domain.desk.request(UDID, false, {});
    await world.domain.desk.request(UDID, false, {});
    await world.redeem(first?.token ?? '').catch(() => {});
    expect(world.telemetry.counts).to.deep.equal({
      'offered auto': 2,
      'token issued': 2,
      'token superseded': 1,
      'token refused': 1,
    });
  });

  it('how downloads end', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const token = (await world.domain.desk.request(UDID, false, {}))?.token ?? '';
    const first = await world.redeem(token);
    expect(await first.beforeLastPiece([0, 400])).to.equal(true);
    await first.end([0, 400], true);
    await (await world.redeem(token)).end([400, 500], false);
    await (await world.redeem(token)).end([0, 0], false, true);
    const { counts } = world.telemetry;
    expect([counts['download partial'], counts['download broken'], counts['download failed']]).to.deep.equal([
      1, 1, 1,
    ]);
  });

  it('a token that the device has no room for is refused', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const token = (await world.domain.desk.request(UDID, false, {}))?.token ?? '';
    await world.redeem(token, 10).catch(() => {});
    expect(world.telemetry.counts['token refused']).to.equal(1);
  });

  it('how long a push takes, from the stored firmware to the socket of the device', async () => {
    await world.device({ autoUpdate: true });
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    const { devices } = world.stores;
    const read = devices.all.bind(devices);
    // Reading the fleet takes its time.
    devices.all = async function* (owner) {
      for await (const device of read(owner)) {
        world.clock.advance(120);
        yield device;
      }
    };
    await world.publish();
    expect(said.at(-1)).to.include('FIRMWARE_UPDATE');
    expect(world.telemetry.pushes).to.deep.equal([120]);
  });

  it('no push to a device that could not be told, nor one that asked by itself', async () => {
    await world.device({ autoUpdate: true });
    const { conversation, line } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    line.isUp = false;
    await world.publish();
    line.isUp = true;
    await conversation.checkedIn(aCheckIn());
    expect(world.telemetry.counts['offered auto']).to.equal(2);
    expect(world.telemetry.pushes).to.deep.equal([]);
  });
});
