import { expect } from 'chai';
import { HOUR, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { World } from '../../support/domain.js';

describe('consent', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
    await world.device();
    await world.publish();
  });
  afterEach(() => world.close());
  const answer = (word: 'approve' | 'decline' | 'later', owner = OWNER, nid = UDID) =>
    world.domain.consent.answer(owner, nid, word);
  const notices = () => world.toldOn(`/rtm/notices/${UDID}`);

  it('yes approves this version, clears the notice and is told', async () => {
    expect(await answer('approve')).to.equal(true);
    expect((await world.record()).update).to.include({ state: 'approved', version: '1.1.0' });
    expect(notices().at(-1)).to.equal('');
    expect(world.events).to.include('approved');
  });

  it('no declines this version and no other', async () => {
    expect(await answer('decline')).to.equal(true);
    expect(notices().at(-1)).to.equal('');
    const again = await world.domain.desk.consider(UDID);
    expect(again?.decision).to.include({ kind: 'none', reason: 'declined' });
    expect((await world.publish({ version: '1.2.0' })).asked).to.equal(1);
  });

  it('later clears the notice and asks again after 24 h; it can be answered meanwhile', async () => {
    expect(await answer('later')).to.equal(true);
    expect(notices().at(-1)).to.equal('');
    expect(world.events).to.include('postponed');
    expect((await world.domain.desk.consider(UDID))?.decision).to.include({ reason: 'postponed' });
    world.clock.advance(24 * HOUR);
    await world.domain.announcer.reconsider(UDID);
    expect(notices().at(-1)).to.match(/^\{"notification"/);
    await answer('later');
    expect(await answer('approve')).to.equal(true);
  });

  it('is taken once: the second answer finds no question', async () => {
    const both = await Promise.all([answer('approve'), answer('decline')]);
    expect(both).to.deep.equal([true, false]);
    expect((await world.record()).update?.state).to.equal('approved');
  });

  it('of another owner, or about nothing, is ignored', async () => {
    expect(await answer('approve', OTHER_OWNER)).to.equal(false);
    expect(await answer('approve', OWNER, OTHER_UDID)).to.equal(false);
    expect((await world.record()).update?.state).to.equal('asked');
  });
});
