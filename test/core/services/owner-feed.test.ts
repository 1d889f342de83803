import { expect } from 'chai';
import { NOW, UDID } from '../../support/builders.js';
import { World } from '../../support/domain.js';

describe('what an owner is told', () => {
  it('bears the time with which it is kept, however the clock moves on', async () => {
    const world = await World.open();
    const device = await world.device();
    let time = NOW;
    // A busy server: no two readings are the same.
    world.clock.now = () => ++time;
    world.domain.feed.deviceEvent(device, 'checkin', { version: '1.0.0' });
    const [heard = ''] = world.toldOn('/rtm/events');
    const [kept] = await world.domain.history.list(UDID);
    expect(kept).to.include({ event: 'checkin', version: '1.0.0' });
    expect(JSON.parse(heard).at).to.equal(kept?.at);
    await world.close();
  });
});
