import { expect } from 'chai';
import { Sessions } from '../../broker/sessions.js';
import type { NodeMessage } from '../../core/nodes/messages.js';
import { Peers, STANDING } from '../../core/nodes/peers.js';
import { Whereabouts } from '../../core/nodes/whereabouts.js';
import { expectOwner } from '../../scripts/server/join.js';
import { aSession } from '../support/a-session.js';
import { OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { CollectingLog } from '../support/collecting-log.js';
import { FakeNetwork } from '../support/fake-bus.js';
import { FakeClock } from '../support/fake-clock.js';
import { settled } from '../support/two-nodes.js';

const device = (udid = UDID) => aSession({ scope: 'device', udid });

describe('sessions of several nodes', () => {
  let [a, b]: Sessions[] = [];
  let network: FakeNetwork;
  let close: (() => void)[];
  const both = () => [a as Sessions, b as Sessions] as const;
  beforeEach(() => {
    network = new FakeNetwork();
    close = [];
    [a, b] = ['a', 'b'].map((name) => {
      const bus = network.join(name);
      const peers = new Peers({ bus, clock: new FakeClock(), log: new CollectingLog(), beatMs: 1000 });
      const whereabouts = new Whereabouts(peers.facts, bus);
      peers.start({
        message: () => {},
        deviceElsewhere: (udid) => whereabouts.heardElsewhere(udid),
        lost: () => {},
        resumed: () => {},
      });
      close.push(() => peers.close());
      return new Sessions(peers.facts, whereabouts);
    });
  });
  const heard = (owner = OWNER) => both().map((sessions) => sessions.isHeard(owner));
  const owners = (): NodeMessage[] =>
    network.heard
      .map(({ message }) => message)
      .filter((message) => message.kind === 'fact' && message.of === 'owner');

  it('a device that is elsewhere is online, and gone only when it is nowhere', async () => {
    const [a, b] = both();
    const [first, second] = [device(), device()];
    a.enter(first);
    await settled();
    expect(b.isOnline(UDID)).to.equal(true);
    expect(b.isOnline(OTHER_UDID)).to.equal(false);
    b.enter(second);
    await settled();
    expect([first.isCut, second.isCut]).to.deep.equal([true, false]);
    expect(a.leave(first), 'it is on the other node').to.equal(false);
    expect(b.leave(second)).to.equal(true);
    expect([a.isOnline(UDID), b.isOnline(UDID)]).to.deep.equal([false, false]);
  });

  it('an owner who listens on one node is heard on all, until they leave', () => {
    const [a] = both();
    const owner = aSession();
    a.enter(owner);
    expect([heard(), heard(OTHER_OWNER)]).to.deep.equal([
      [true, true],
      [false, false],
    ]);
    a.leave(owner);
    expect(heard()).to.deep.equal([false, false]);
  });

  it('of several sessions on one node the last to leave ends it, and the others hear of it once', () => {
    const [a] = both();
    const [one, two] = [aSession(), aSession()];
    for (const session of [one, one, two]) a.enter(session);
    a.leave(one);
    expect(heard()).to.deep.equal([true, true]);
    a.leave(two);
    expect(heard()).to.deep.equal([false, false]);
    expect(owners().map((message) => 'value' in message && message.value)).to.deep.equal([1, false]);
  });

  it('one who listens on two nodes is heard until both have gone', () => {
    const [a, b] = both();
    const [one, two] = [aSession(), aSession()];
    a.enter(one);
    b.enter(two);
    a.leave(one);
    expect(heard()).to.deep.equal([true, true]);
    b.leave(two);
    expect(heard()).to.deep.equal([false, false]);
  });

  it('one whose messages are kept is heard while they are away, and the others know that they wait', () => {
    const [a] = both();
    const waiting = aSession({}, true);
    a.enter(aSession());
    a.enter(waiting);
    a.leave(waiting);
    expect(heard()).to.deep.equal([true, true]);
    expect(owners().map((message) => 'value' in message && message.value)).to.deep.equal([1, STANDING]);
  });

  it('a listener that stays does not make less of one that waits', () => {
    const [a] = both();
    a.enter(aSession({}, true));
    a.enter(aSession());
    expect(owners().map((message) => 'value' in message && message.value)).to.deep.equal([STANDING]);
  });

  it('one that is expected is heard', () => {
    const [a] = both();
    a.expect(OWNER, 'client');
    expect(heard()).to.deep.equal([true, true]);
    expect([a.devices, a.owners, a.all()]).to.deep.equal([0, 0, []]);
  });

  it('one that comes with a clean session gives up what was kept for it', () => {
    const [a] = both();
    expectOwner(a, `${OWNER}:owner:a:b`);
    expectOwner(a, `${OTHER_OWNER}:device:a:b`);
    expect([heard(), heard(OTHER_OWNER)]).to.deep.equal([
      [true, true],
      [false, false],
    ]);
    const clean = aSession({}, false, 'a:b');
    a.enter(clean);
    a.leave(clean);
    expect(heard()).to.deep.equal([false, false]);
    expect(owners().map((message) => 'value' in message && message.value)).to.deep.equal([
      STANDING,
      1,
      false,
    ]);
  });

  it('a device does not listen, and does not silence an owner whose client has the same id', () => {
    const [a] = both();
    const owner = aSession({}, false, 'same');
    const [fleet, named] = [
      aSession({ scope: 'device' }, false, 'same'),
      aSession({ scope: 'device', udid: UDID }, false, 'same'),
    ];
    a.enter(fleet);
    expect(heard()).to.deep.equal([false, false]);
    a.enter(owner);
    a.enter(named);
    for (const session of [fleet, named]) a.leave(session);
    b?.enter(aSession({ udid: UDID, owner: OTHER_OWNER }));
    expect(heard(OTHER_OWNER), 'a device with an owner key').to.deep.equal([false, false]);
    expect(heard()).to.deep.equal([true, true]);
  });

  it('a session that takes the place of another of the same client keeps its owner heard', () => {
    const [a] = both();
    const [older, newer] = [aSession({}, false, 'same'), aSession({}, false, 'same')];
    a.enter(older);
    a.enter(newer);
    a.leave(older);
    expect(heard()).to.deep.equal([true, true]);
    a.leave(newer);
    expect(heard()).to.deep.equal([false, false]);
  });

  it('sessions whose key is not known any more are cut; each owner is asked about once', async () => {
    const [a] = both();
    const [gone, kept] = [aSession({ keyId: 'gone' }), aSession({ keyId: 'kept', udid: UDID })];
    const [theirs, other] = [
      aSession({ owner: OTHER_OWNER, keyId: 'kept' }),
      aSession({ keyId: 'gone', udid: OTHER_UDID }),
    ];
    for (const session of [gone, kept, theirs, other]) a.enter(session);
    const asked: string[] = [];
    await a.cutUnknown(async (owner) => {
      asked.push(owner);
      return new Map(owner === OWNER ? [['kept', undefined]] : []);
    });
    expect([gone, kept, theirs, other].map(({ isCut }) => isCut)).to.deep.equal([true, false, true, true]);
    expect(asked.toSorted()).to.deep.equal([OWNER, OTHER_OWNER].toSorted());
  });

  it('keys that were given an end meanwhile end then', async () => {
    const [a] = both();
    const session = aSession({ keyId: 'kept' });
    a.enter(session);
    await a.cutUnknown(async () => new Map([['kept', 700]]));
    a.cutEnded(699);
    expect(session.isCut).to.equal(false);
    a.cutEnded(700);
    expect(session.isCut).to.equal(true);
  });

  it('while keys cannot be read nobody is cut', async () => {
    const [a] = both();
    const session = aSession();
    a.enter(session);
    const failure = await a
      .cutUnknown(() => Promise.reject(new Error('away')))
      .catch((error: Error) => error.message);
    expect([failure, session.isCut]).to.deep.equal(['away', false]);
  });
});
