import { expect } from 'chai';
import { keyId } from '../../../core/account.js';
import { FirmwireError } from '../../../core/errors.js';
import type { NodeMessage } from '../../../core/nodes/messages.js';
import { aSession } from '../../support/a-session.js';
import { HOUR, NOW, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { words } from '../../support/domain.js';
import { type Connected, type Node, settled, TwoNodes, until } from '../../support/two-nodes.js';

const BEAT = 1000;
const SETTLE = 1500;

describe('membership', () => {
  let nodes: TwoNodes;
  let a: Node;
  let b: Node;
  beforeEach(async () => {
    nodes = await TwoNodes.open();
    ({ a, b } = nodes);
    await a.world.device({ autoUpdate: true });
  });
  afterEach(() => nodes.close());

  /** A device that has subscribed and settled on a node. */
  const connected = async (node: Node, udid = UDID): Promise<Connected> => {
    const connection = node.connect(udid);
    await settled();
    await connection.conversation.subscribed();
    nodes.clock.advance(SETTLE);
    await node.world.domain.desk.consider(udid);
    connection.said.length = 0;
    return connection;
  };
  const checkouts = ({ world }: Node) => world.events.filter((event) => event === 'checkout').length;
  const lastState = ({ world }: Node, udid = UDID): unknown =>
    JSON.parse(world.toldOn(`/devices/${udid}`).at(-1) ?? 'null');

  describe('does as other nodes say', () => {
    it('cuts a device, a key and a transfer here, of whoever is meant and nobody else', async () => {
      const [device, other] = [b.connect(), b.connect(OTHER_UDID)];
      const owner = aSession({ keyId: 'k' });
      b.sessions.enter(owner);
      let aborted = 0;
      b.world.domain.transfers.begin({ udid: UDID, progress: 0, abort: () => aborted++ });
      a.peers.tell({ kind: 'cut-transfer', udid: OTHER_UDID });
      a.peers.tell({ kind: 'cut-transfer', udid: UDID });
      a.peers.tell({ kind: 'cut-device', udid: UDID });
      expect([device.session.isCut, other.session.isCut, owner.isCut, aborted]).to.deep.equal([
        true,
        false,
        false,
        1,
      ]);
      a.peers.tell({ kind: 'cut-key', owner: OWNER, keyId: 'k' });
      expect([owner.isCut, other.session.isCut]).to.deep.equal([true, false]);
    });

    it('reads the firmware of an owner anew when another node has changed it', async () => {
      expect(await b.world.domain.catalog.list(OWNER)).to.have.length(0);
      const { firmware } = await a.world.publish();
      expect(await b.world.domain.catalog.list(OWNER)).to.have.length(1);
      await a.world.domain.publisher.withdraw(OWNER, firmware.id);
      expect(
        (await b.world.domain.catalog.list(OWNER)).filter(({ rollout }) => rollout !== 'none'),
      ).to.have.length(0);
    });

    it('a message that it does not understand is noted and no more', () => {
      a.bus.send({ kind: 'from the future' } as unknown as NodeMessage);
      const [line] = b.world.log.lines.filter(({ level }) => level === 'debug');
      expect(line?.facts).to.deep.equal({ node: 'a', kind: 'from the future' });
    });
  });

  describe('a device that is connected to another node', () => {
    it('is told at once of what is published here, and counted', async () => {
      const { said } = await connected(b);
      const published = await a.world.publish();
      expect(words(said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
      expect(published).to.include({ offered: 1, asked: 0 });
    });

    it('is cut from the first when it moves, and is not told as gone', async () => {
      const first = await connected(a);
      const second = await connected(b);
      expect([first.session.isCut, second.session.isCut]).to.deep.equal([true, false]);
      expect(await a.disconnect(first)).to.equal(false);
      expect([a.sessions.isOnline(UDID), b.sessions.isOnline(UDID)]).to.deep.equal([true, true]);
      expect(await b.disconnect(second)).to.equal(true);
      expect([a.sessions.isOnline(UDID), b.sessions.isOnline(UDID)]).to.deep.equal([false, false]);
      expect([checkouts(a), checkouts(b)]).to.deep.equal([0, 1]);
    });

    it('is looked at here when the other node does not answer', async () => {
      await connected(b);
      nodes.network.flows = false;
      await a.world.stores.devices.update(UDID, (device) => ({ ...device, autoUpdate: false }));
      const publishing = a.world.publish();
      await until('the question', async () => {
        nodes.clock.advance(5000);
        return (await a.world.record()).update?.state === 'asked';
      });
      expect(await publishing).to.include({ offered: 0, asked: 1 });
    });
  });

  describe('when the store or the bus is back', () => {
    /** Published on `a`, while `b` answers nothing. */
    const publishUnheard = async (): Promise<void> => {
      let isDone = false;
      const publishing = a.world.publish().finally(() => {
        isDone = true;
      });
      await until('the publication', () => {
        nodes.clock.advance(1000);
        return isDone;
      });
      await publishing;
    };

    it('what is owed is said, to every device that is here', async () => {
      const { conversation, said } = await connected(b);
      b.link.become('away');
      const failure = await conversation
        .checkedIn({ version: '1.0.0' })
        .catch((error: { code: string }) => error.code);
      expect([failure, said]).to.deep.equal(['store_unavailable', []]);
      b.link.become('open');
      await until('the answer', () => said.length > 0);
      expect(words(said)).to.deep.equal(['OK']);
    });

    it('the others hear where the devices are that came meanwhile', async () => {
      b.bus.goDown();
      b.connect();
      await settled();
      expect(a.sessions.isOnline(UDID)).to.equal(false);
      b.bus.comeBack();
      await settled();
      expect(a.sessions.isOnline(UDID)).to.equal(true);
    });

    it('what was published meanwhile is offered', async () => {
      const { said } = await connected(b);
      b.bus.goDown();
      await publishUnheard();
      expect(said).to.deep.equal([]);
      b.bus.comeBack();
      await until('the offer', () => said.length > 0);
      expect(words(said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
    });

    it('a key that was revoked meanwhile is cut, and no other', async () => {
      const { accounts } = a.world.domain;
      const { owner } = await accounts.createOwner('me');
      const [gone, kept] = [
        await accounts.addKey(owner, { alias: 'gone', scope: 'device' }),
        await accounts.addKey(owner, { alias: 'kept', scope: 'device' }),
      ];
      const [first, second] = [gone, kept].map(({ key }) =>
        aSession({ owner, scope: 'device', keyId: keyId(key.hash) }),
      );
      for (const session of [first, second]) if (session) b.sessions.enter(session);
      b.bus.goDown();
      await accounts.revokeKey(owner, keyId(gone.key.hash));
      expect(first?.isCut).to.equal(false);
      b.bus.comeBack();
      await until('the cut', () => first?.isCut === true);
      expect(second?.isCut).to.equal(false);
    });

    it('devices that are not connected are looked at by the node that holds the lease, alone', async () => {
      await a.world.stores.accounts.createOwner({ id: OWNER, name: 'me', createdAt: NOW });
      await a.world.device({ udid: OTHER_UDID, mac: '5CCF7F1A2B3D' });
      await a.world.stores.devices.update(UDID, (device) => ({ ...device, autoUpdate: false }));
      b.connect();
      await settled();
      const looked: string[] = [];
      for (const { world } of [a, b]) {
        const { announcer } = world.domain;
        const reconsider = announcer.reconsider.bind(announcer);
        announcer.reconsider = (udid) => {
          looked.push(udid);
          return reconsider(udid);
        };
      }
      b.link.become('open');
      await until('the state', () => b.world.toldOn(`/devices/${UDID}`).length > 0);
      expect(looked).to.deep.equal([]);
      a.lease.held = true;
      a.link.become('open');
      await until('the look', () => looked.length > 0);
      await settled();
      expect(looked).to.deep.equal([OTHER_UDID]);
    });

    it('owners are told that the devices are here: others may have taken this node for gone', async () => {
      await connected(b);
      a.lease.held = true;
      b.bus.goDown();
      nodes.clock.advance(5 * BEAT);
      await until('the checkout', () => checkouts(a) === 1);
      expect(lastState(a)).to.include({ online: false });
      const before = b.world.told.length;
      b.bus.comeBack();
      await until('the state', () => b.world.told.length > before);
      expect(lastState(b)).to.include({ online: true });
      expect([a.sessions.isOnline(UDID), a.peers.count]).to.deep.equal([true, 1]);
    });

    it('a device that cannot be looked at holds up no other', async () => {
      await a.world.device({ udid: OTHER_UDID, mac: '5CCF7F1A2B3D', autoUpdate: true });
      const [, second] = [await connected(b), await connected(b, OTHER_UDID)];
      b.bus.goDown();
      await publishUnheard();
      b.before = (_, udid) => {
        if (udid === UDID) throw new Error('this record cannot be read');
      };
      b.bus.comeBack();
      await until('the offer', () => second.said.length > 0);
      await until('the log', () => b.world.log.lines.some(({ level }) => level === 'error'));
      const [line] = b.world.log.lines.filter(({ level }) => level === 'error');
      expect(line?.facts).to.include({ udid: UDID });
    });

    it('that failed half-way, and was asked for again before it did: it is done again', async () => {
      const { said } = await connected(b);
      b.bus.goDown();
      await publishUnheard();
      let reads = 0;
      b.before = async () => {
        if (++reads > 1) return;
        // Away and back again before the look that is under way has failed.
        b.link.become('open');
        await settled();
        throw new FirmwireError('store_unavailable');
      };
      b.bus.comeBack();
      await until('the offer', () => said.length > 0);
    });
  });

  it('a question that was postponed is asked again by one node', async () => {
    await a.world.stores.devices.update(UDID, (device) => ({ ...device, autoUpdate: false }));
    await a.world.publish();
    await b.world.domain.consent.answer(OWNER, UDID, 'later');
    nodes.clock.advance(24 * HOUR);
    expect(nodes.clock.now()).to.be.greaterThan(NOW + 24 * HOUR - 1);
    await b.world.domain.housekeeping.round();
    expect((await a.world.record()).update?.postponedUntil).to.not.equal(undefined);
    b.lease.held = true;
    await b.world.domain.housekeeping.round();
    expect((await a.world.record()).update?.postponedUntil).to.equal(undefined);
  });
});
