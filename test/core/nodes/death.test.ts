import { expect } from 'chai';
import { STANDING } from '../../../core/nodes/peers.js';
import { UDID } from '../../support/builders.js';
import { type Node, settled, TwoNodes, until } from '../../support/two-nodes.js';

const BEAT = 1000;

describe('when a node dies', () => {
  let nodes: TwoNodes;
  let a: Node;
  let b: Node;
  beforeEach(async () => {
    nodes = await TwoNodes.open();
    ({ a, b } = nodes);
    await a.world.device({ autoUpdate: true });
    b.connect();
    await settled();
    nodes.clock.advance(BEAT);
  });
  afterEach(() => nodes.close());
  const checkouts = ({ world }: Node) => world.events.filter((event) => event === 'checkout').length;
  /** Some beats and tries, and what they set going. */
  const seconds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      nodes.clock.advance(1000);
      await settled();
    }
  };

  it('its devices are told as gone, once', async () => {
    nodes.kill(b);
    await seconds(3);
    expect([a.sessions.isOnline(UDID), checkouts(a)]).to.deep.equal([true, 0]);
    await seconds(1);
    await until('the checkout', () => checkouts(a) === 1);
    const state: unknown = JSON.parse(a.world.toldOn(`/devices/${UDID}`).at(-1) ?? 'null');
    expect(state).to.include({ online: false });
    await seconds(60);
    expect(checkouts(a)).to.equal(1);
  });

  it('they are not told by a node that another has forestalled', async () => {
    nodes.network.claimed.add('lost:b');
    nodes.kill(b);
    await seconds(60);
    expect([a.sessions.isOnline(UDID), checkouts(a)]).to.deep.equal([false, 0]);
  });

  it('one that is back on another node meanwhile is not told as gone', async () => {
    nodes.kill(b);
    await seconds(2);
    a.connect();
    await seconds(5);
    // What it would have written waits for company for some ms.
    await a.world.stores.devices.flushed();
    await settled();
    expect(checkouts(a)).to.equal(0);
  });

  it('they are told as gone when the store is back, if it was away', async () => {
    a.link.become('away');
    nodes.kill(b);
    await seconds(6);
    expect(checkouts(a)).to.equal(0);
    a.link.become('open');
    await seconds(1);
    await until('the checkout', () => checkouts(a) === 1);
  });

  it('owners whose messages are kept by it are still heard', async () => {
    b.peers.facts.set('owner', 'waits', STANDING);
    b.peers.facts.set('owner', 'listens', 1);
    nodes.kill(b);
    await seconds(5);
    expect([a.sessions.isHeard('waits'), a.sessions.isHeard('listens')]).to.deep.equal([true, false]);
  });

  it('what it was asked is looked at here', async () => {
    nodes.network.flows = false;
    const looking = a.world.domain.announcer.reconsider(UDID);
    await settled();
    nodes.network.flows = true;
    b.peers.close();
    expect(await looking).to.include({ kind: 'none' });
  });
});
