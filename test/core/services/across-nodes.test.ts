import { expect } from 'chai';
import { keyId } from '../../../core/account.js';
import type { Transfer } from '../../../core/services/transfers.js';
import { aSession } from '../../support/a-session.js';
import { aCheckIn, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { codeOf, tokenIn } from '../../support/domain.js';
import { type Node, TwoNodes, until } from '../../support/two-nodes.js';

const SIZE = 1000;

describe('two nodes', () => {
  let nodes: TwoNodes;
  let a: Node;
  let b: Node;
  beforeEach(async () => {
    nodes = await TwoNodes.open();
    ({ a, b } = nodes);
  });
  afterEach(() => nodes.close());
  const both = () => [a, b] as const;

  describe('downloads', () => {
    let aborted: string[];
    beforeEach(() => {
      aborted = [];
    });
    const transfer = (name: string, udid = UDID): Transfer => ({
      udid,
      progress: 0,
      abort: () => aborted.push(name),
    });

    it('one that begins on another node cuts the older, and no other device’s', () => {
      const [older, other] = [transfer('older'), transfer('other', OTHER_UDID)];
      a.world.domain.transfers.begin(older);
      a.world.domain.transfers.begin(other);
      b.world.domain.transfers.begin(transfer('newer'));
      expect(aborted).to.deep.equal(['older']);
      a.world.domain.transfers.end(older);
      expect(both().map(({ world }) => world.domain.transfers.isActive(UDID))).to.deep.equal([true, true]);
    });

    it('nobody is told to cut what no other node has', () => {
      const sent = nodes.network.heard.length;
      a.world.domain.transfers.begin(transfer('one'));
      a.world.domain.transfers.begin(transfer('two'));
      expect(aborted).to.deep.equal(['one']);
      expect(nodes.network.heard.slice(sent).map(({ message }) => message.kind)).to.deep.equal([
        'fact',
        'fact',
      ]);
    });

    it('every node knows how far one is, until it ends', () => {
      const one = transfer('one');
      const { transfers } = a.world.domain;
      transfers.begin(one);
      transfers.advance(one, 40);
      expect(both().map(({ world }) => world.domain.transfers.progressOf(UDID))).to.deep.equal([40, 40]);
      expect(b.world.domain.transfers.count).to.equal(0);
      transfers.end(one);
      expect(both().map(({ world }) => world.domain.transfers.isActive(UDID))).to.deep.equal([false, false]);
      expect(both().map(({ world }) => world.domain.transfers.progressOf(UDID))).to.deep.equal([
        undefined,
        undefined,
      ]);
    });

    it('the steps and the end of one that was replaced are nobody’s news', () => {
      const [one, two] = [transfer('one'), transfer('two')];
      const { transfers } = a.world.domain;
      transfers.begin(one);
      transfers.begin(two);
      transfers.advance(two, 10);
      transfers.advance(one, 90);
      expect(b.world.domain.transfers.progressOf(UDID)).to.equal(10);
      transfers.end(one);
      expect(b.world.domain.transfers.isActive(UDID)).to.equal(true);
    });

    it('is cut from any node', () => {
      a.world.domain.transfers.begin(transfer('one'));
      b.world.domain.transfers.cut(OTHER_UDID);
      expect(aborted).to.deep.equal([]);
      b.world.domain.transfers.cut(UDID);
      expect(aborted).to.deep.equal(['one']);
    });

    it('a device that fetches from one node is offered nothing by another', async () => {
      await a.world.device({ autoUpdate: true });
      await a.world.publish();
      a.world.domain.transfers.begin(transfer('one'));
      const { conversation, said } = b.connect();
      await conversation.subscribed();
      await conversation.checkedIn(aCheckIn());
      expect(said.filter((payload) => payload.includes('FIRMWARE_UPDATE'))).to.deep.equal([]);
    });

    /** A token that a device on node `a` was told. */
    const offered = async (): Promise<string> => {
      await a.world.device({ autoUpdate: true });
      await a.world.publish();
      const { conversation, said } = a.connect();
      await conversation.subscribed();
      await conversation.checkedIn(aCheckIn());
      return tokenIn(said);
    };

    it('one that began on a node goes on on the other, and completes once', async () => {
      const token = await offered();
      const first = await a.world.redeem(token);
      await first.end([0, 600], false);
      const second = await b.world.redeem(token);
      expect(await second.beforeLastPiece([600, SIZE])).to.equal(true);
      await second.end([600, SIZE], true);
      expect((await a.world.record()).update).to.include({ state: 'downloaded', attempts: 1 });
      expect(await codeOf(a.world.redeem(token))).to.equal('OTT_UPDATE_NOT_FOUND');
    });

    it('of two at the same time, on two nodes, the later completes and the older is cut', async () => {
      const token = await offered();
      const first = await a.world.redeem(token, undefined, () => aborted.push('first'));
      const second = await b.world.redeem(token, undefined, () => aborted.push('second'));
      expect(aborted).to.deep.equal(['first']);
      expect(await first.beforeLastPiece([0, SIZE])).to.equal(false);
      await first.end([0, 10], false);
      expect(b.world.domain.transfers.isActive(UDID)).to.equal(true);
      expect(await second.beforeLastPiece([0, SIZE])).to.equal(true);
      await second.end([0, SIZE], true);
      expect((await a.world.record()).update).to.include({ state: 'downloaded' });
    });
  });

  describe('a new device that repeats itself', () => {
    for (const [what, facts] of [
      ['a MAC', { mac: '5CCF7F1A2B3C', platform: 'arduino:esp8266' }],
      ['a UDID', { udid: UDID, platform: 'arduino:esp8266' }],
      ['both', aCheckIn()],
    ] as const)
      it(`on both, with ${what}, is one device`, async () => {
        const arrivals = await Promise.all(
          Array.from({ length: 6 }, (_, i) => both()[i % 2]?.world.domain.registry.register(OWNER, facts)),
        );
        expect(new Set(arrivals.map((arrival) => arrival?.device.udid)).size).to.equal(1);
        expect((await a.world.stores.devices.list(OWNER, 10)).items).to.have.length(1);
        const created = both().flatMap(({ world }) => world.events.filter((event) => event === 'created'));
        expect(created).to.have.length(1);
      });

    it('on both, over MQTT, is one device', async () => {
      const admitted = await Promise.all(both().map(({ world }) => world.domain.registry.admit(OWNER, UDID)));
      expect(admitted).to.deep.equal([true, true]);
      expect((await a.world.stores.devices.list(OWNER, 10)).items).to.have.length(1);
    });
  });

  describe('keys', () => {
    it('of two owner keys revoked on both at the same time one stays', async () => {
      const { owner } = await a.world.domain.accounts.createOwner('me');
      await a.world.domain.accounts.addKey(owner, { alias: 'second', scope: 'owner' });
      const ids = (await a.world.domain.accounts.listKeys(owner))
        .filter(({ scope }) => scope === 'owner')
        .map(({ hash }) => keyId(hash));
      const answers = await Promise.all(
        both().map(({ world }, i) => codeOf(world.domain.accounts.revokeKey(owner, ids[i] ?? ''))),
      );
      expect(answers.toSorted()).to.deep.equal(['key_in_use', 'no failure']);
    });

    it('one that is revoked on a node ends the sessions on all, and one that is not ends none', async () => {
      const { accounts } = a.world.domain;
      const { owner } = await accounts.createOwner('me');
      const { key } = await accounts.addKey(owner, { alias: 'gone', scope: 'device' });
      const session = aSession({ owner, keyId: keyId(key.hash) });
      b.sessions.enter(session);
      expect(await codeOf(accounts.revokeKey(owner, '0'.repeat(16)))).to.equal('key_not_found');
      expect(session.isCut).to.equal(false);
      await accounts.revokeKey(owner, keyId(key.hash));
      expect(session.isCut).to.equal(true);
    });

    it('one that is rotated on a node ends the sessions on the other, once the overlap is over', async () => {
      const { accounts } = a.world.domain;
      const { owner } = await accounts.createOwner('me');
      const { key } = await accounts.addKey(owner, { alias: 'old', scope: 'device' });
      const session = aSession({ owner, keyId: keyId(key.hash) });
      b.sessions.enter(session);
      const { replaced } = await accounts.rotateKey(owner, keyId(key.hash), 5000);
      const end = replaced.expiresAt ?? 0;
      b.sessions.cutEnded(end - 1);
      expect(session.isCut).to.equal(false);
      b.sessions.cutEnded(end);
      expect(session.isCut).to.equal(true);
    });
  });

  describe('consent', () => {
    it('given on one sets the device going on the other, and a second answer is too late', async () => {
      await a.world.device();
      await a.world.publish();
      const { conversation, said } = b.connect();
      await conversation.subscribed();
      await conversation.checkedIn(aCheckIn());
      said.length = 0;
      expect(await a.world.domain.consent.answer(OWNER, UDID, 'approve')).to.equal(true);
      expect(await b.world.domain.consent.answer(OWNER, UDID, 'decline')).to.equal(false);
      await a.world.domain.announcer.reconsider(UDID);
      await until('the offer', () => said.length > 0);
      expect(said.map((payload) => JSON.parse(payload).registration.status)).to.deep.equal([
        'OK',
        'FIRMWARE_UPDATE',
      ]);
    });

    it('opposite answers at the same time: one counts', async () => {
      await a.world.device();
      await a.world.publish();
      const took = await Promise.all([
        a.world.domain.consent.answer(OWNER, UDID, 'approve'),
        b.world.domain.consent.answer(OWNER, UDID, 'decline'),
      ]);
      expect((await a.world.record()).update?.state).to.be.oneOf(['approved', 'declined']);
      expect(took.filter((answer) => answer)).to.have.length(1);
    });
  });

  it('one without the lease does no rounds; the one that holds it does', async () => {
    let sweeps = 0;
    for (const { world } of both()) {
      const sweep = world.stores.tokens.sweep;
      Object.assign(world.stores.tokens, {
        sweep: (now: number, limit: number) => {
          sweeps++;
          return sweep(now, limit);
        },
      });
    }
    await Promise.all(both().map(({ world }) => world.domain.housekeeping.round()));
    expect(sweeps).to.equal(0);
    b.lease.held = true;
    await Promise.all(both().map(({ world }) => world.domain.housekeeping.round()));
    expect(sweeps).to.equal(1);
  });
});
