import { expect } from 'chai';
import type { Sessions } from '../../broker/sessions.js';
import { aSession } from '../support/a-session.js';
import { OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { loneSessions } from '../support/lone.js';

const aDeviceSession = (udid = UDID) => aSession({ scope: 'device', udid });

describe('sessions', () => {
  let sessions: Sessions;
  beforeEach(() => {
    sessions = loneSessions();
  });

  it('a second session with the same UDID cuts the first, and the device stays online', () => {
    const [first, second, other] = [aDeviceSession(), aDeviceSession(), aDeviceSession(OTHER_UDID)];
    for (const session of [first, other, second, second]) sessions.enter(session);
    expect([first.isCut, second.isCut, other.isCut]).to.deep.equal([true, false, false]);
    expect(sessions.leave(first)).to.equal(false);
    expect(sessions.isOnline(UDID)).to.equal(true);
    expect(sessions.leave(second)).to.equal(true);
    expect(sessions.isOnline(UDID)).to.equal(false);
  });

  it("cuts every session of a key, and no other owner's", () => {
    const cut = [aSession({ keyId: 'k' }), aSession({ keyId: 'k', udid: UDID })];
    const kept = [aSession({ keyId: 'l' }), aSession({ keyId: 'k', owner: OTHER_OWNER })];
    for (const session of [...cut, ...kept]) sessions.enter(session);
    sessions.cutKey(OWNER, 'k');
    expect(cut.map(({ isCut }) => isCut)).to.deep.equal([true, true]);
    expect(kept.map(({ isCut }) => isCut)).to.deep.equal([false, false]);
  });

  it('cuts a session that was on its way in while its key was revoked', () => {
    sessions.cutKey(OWNER, 'k');
    const [late, other] = [aSession({ keyId: 'k', udid: UDID }), aSession({ keyId: 'l' })];
    for (const session of [late, other]) sessions.enter(session);
    expect([late.isCut, other.isCut]).to.deep.equal([true, false]);
    expect(sessions.isOnline(UDID)).to.equal(false);
  });

  it('cuts the sessions of a key when it ends, not before, and again for who comes late', () => {
    const [ending, lasting] = [aSession({ keyId: 'k', expiresAt: 1000 }), aSession({ keyId: 'l' })];
    for (const session of [ending, lasting]) sessions.enter(session);
    sessions.cutEnded(999);
    expect(ending.isCut).to.equal(false);
    sessions.cutEnded(1000);
    expect([ending.isCut, lasting.isCut]).to.deep.equal([true, false]);
    const late = aSession({ keyId: 'k', expiresAt: 1000 });
    sessions.enter(late);
    sessions.cutEnded(1500);
    expect(late.isCut).to.equal(true);
  });

  it('a key that is given an end later ends with the earliest it was told', () => {
    const session = aSession({ keyId: 'k' });
    sessions.enter(session);
    sessions.keyEnds(OWNER, 'k', 500);
    sessions.keyEnds(OWNER, 'k', 900);
    sessions.cutEnded(500);
    expect(session.isCut).to.equal(true);
  });

  it('counts devices, and owners by their own sessions', () => {
    const [device, other] = [aDeviceSession(), aDeviceSession(OTHER_UDID)];
    const owners = [aSession(), aSession(), aSession({ owner: OTHER_OWNER })];
    for (const session of [device, other, ...owners]) sessions.enter(session);
    expect([sessions.devices, sessions.owners, sessions.all().length]).to.deep.equal([2, 2, 5]);
    for (const session of [other, ...owners.slice(1)]) sessions.leave(session);
    expect([sessions.devices, sessions.owners]).to.deep.equal([1, 1]);
    expect(sessions.all()).to.have.members([device, owners[0]]);
  });

  it('cuts the session of a device', () => {
    const [one, other] = [aDeviceSession(), aDeviceSession(OTHER_UDID)];
    for (const session of [one, other]) sessions.enter(session);
    sessions.cutDevice(UDID);
    sessions.cutDevice('nobody');
    expect([one.isCut, other.isCut]).to.deep.equal([true, false]);
  });

  it('an owner is heard while one of their own sessions is there, or will come back', () => {
    const [once, again, persistent] = [aSession(), aSession(), aSession({}, true)];
    sessions.enter(aDeviceSession());
    expect(sessions.isHeard(OWNER)).to.equal(false);
    for (const session of [once, again]) sessions.enter(session);
    sessions.leave(once);
    expect(sessions.isHeard(OWNER)).to.equal(true);
    expect(sessions.isHeard(OTHER_OWNER)).to.equal(false);
    sessions.leave(again);
    expect(sessions.isHeard(OWNER)).to.equal(false);
    sessions.enter(persistent);
    sessions.leave(persistent);
    expect(sessions.isHeard(OWNER)).to.equal(true);
  });
});
