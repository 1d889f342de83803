import { expect } from 'chai';
import { OTHER_OWNER, OWNER } from '../../support/builders.js';
import { World, words } from '../../support/domain.js';

const udidOf = (n: number): string => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`;

describe('the announcer', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());
  const fleet = (size: number, owner = OWNER): Promise<unknown> =>
    Promise.all([...Array(size).keys()].map((n) => world.device({ owner, udid: udidOf(n), mac: undefined })));

  it('looks at every device that the firmware is meant for, and counts the questions it opens', async () => {
    await fleet(600);
    await world.publish({ rollout: 'none' });
    const { firmware, offered, asked } = await world.publish();
    expect(firmware.rollout).to.equal('all-at-once');
    expect({ offered, asked }).to.deep.equal({ offered: 0, asked: 600 });
    expect(await world.domain.announcer.announce(firmware)).to.deep.equal({ offered: 0, asked: 0 });
    const states = new Set<string | undefined>();
    for await (const { update } of world.stores.devices.all(OWNER)) states.add(update?.state);
    expect([...states]).to.deep.equal(['asked']);
  }).timeout(20_000);

  it("leaves other owners' devices alone", async () => {
    await fleet(2, OTHER_OWNER);
    expect((await world.publish()).asked).to.equal(0);
    expect((await world.record(udidOf(0))).update).to.equal(undefined);
  });

  it('tells a device that is connected, and only looks at one that is not', async () => {
    await world.device({ autoUpdate: true, udid: udidOf(0), mac: undefined });
    await world.publish();
    expect((await world.domain.announcer.reconsider(udidOf(0)))?.offered).to.equal(false);
    const { conversation, said } = world.connection(udidOf(0));
    await conversation.subscribed();
    await world.pass(2000, udidOf(0));
    expect(words(said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
    expect(await world.domain.announcer.reconsider('nobody')).to.equal(undefined);
  });
});
