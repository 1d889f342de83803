import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { RedisLease } from '../../../broker/nodes/redis-lease.js';
import type { RedisLink } from '../../../broker/storage/redis/link.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { FakeClock } from '../../support/fake-clock.js';
import { aLink, isIn } from '../../support/redis-nodes.js';
import { RedisServer } from '../../support/redis-server.js';

const LIFE = 600;
const RENEW = 100;
const KEY = 'lease:timers';

/** A node that wants the lease; its own time passes when the test says so, Redis' by itself. */
interface Node {
  readonly lease: RedisLease;
  readonly link: RedisLink;
  readonly clock: FakeClock;
  /** Lets its time pass by one renewal, and waits for what came of that. */
  renew(): Promise<void>;
}

describe('the lease on Redis', () => {
  let server: RedisServer;
  let nodes: Node[];
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.dispose());
  beforeEach(async () => {
    await server.command('DEL', KEY);
    nodes = [];
    for (const name of ['a', 'b', 'c']) {
      const [link, clock] = [await aLink(server), new FakeClock()];
      const lasting = { lifeMs: LIFE, renewMs: RENEW };
      const lease = new RedisLease(link, 'timers', name, clock, new CollectingLog(), lasting);
      const renew = async () => {
        clock.advance(RENEW);
        while (clock.pending === 0) await delay(1);
      };
      nodes.push({ lease, link, clock, renew });
    }
  });
  afterEach(async () => {
    for (const { lease, link } of nodes) {
      await lease.close();
      await link.close();
    }
  });
  const holders = () => nodes.filter(({ lease }) => lease.isHeld()).length;
  const startAll = async (): Promise<readonly [Node, Node, Node]> => {
    for (const { lease } of nodes) await lease.start();
    return nodes as unknown as readonly [Node, Node, Node];
  };

  it('is held by one of three, also when all ask at the same time', async () => {
    expect(holders()).to.equal(0);
    await Promise.all(nodes.map(({ lease }) => lease.start()));
    expect(holders()).to.equal(1);
  });

  it('stays with its holder as long as that renews it, well beyond its life', async () => {
    const [a, b, c] = await startAll();
    for (const end = Date.now() + 1.5 * LIFE; Date.now() < end; await delay(RENEW / 2)) {
      for (const node of [a, b, c]) await node.renew();
      expect(nodes.map(({ lease }) => lease.isHeld())).to.deep.equal([true, false, false]);
    }
  });

  it('goes to another at once when its holder ends, and the holder knows', async () => {
    const [a, b] = await startAll();
    await a.lease.close();
    expect(a.lease.isHeld()).to.equal(false);
    await b.renew();
    expect(b.lease.isHeld()).to.equal(true);
    a.clock.advance(10 * LIFE);
    await b.renew();
    expect([a.lease.isHeld(), b.lease.isHeld()]).to.deep.equal([false, true]);
  });

  it('is not taken from another by a node that ends', async () => {
    const [a, b, c] = await startAll();
    await b.lease.close();
    await c.renew();
    expect([a.lease.isHeld(), c.lease.isHeld()]).to.deep.equal([true, false]);
    expect(await server.command('GET', KEY)).to.equal('a');
  });

  it('goes to another when its holder says no more, not before its life is over', async () => {
    const [a, b] = await startAll();
    const until = Date.now() + LIFE;
    while (!b.lease.isHeld()) {
      await b.renew();
      await delay(5);
    }
    // Redis counted from a little before `until` was noted.
    expect(Date.now()).to.be.greaterThan(until - 50);
    expect(await server.command('GET', KEY)).to.equal('b');
    await a.renew();
    expect(a.lease.isHeld()).to.equal(false);
  });

  it('ends for a holder that cannot reach Redis before another can have it', async () => {
    const [a] = await startAll();
    a.link.close();
    let time = 0;
    for (; a.lease.isHeld() && time < 10 * LIFE; time += 10) a.clock.advance(10);
    expect(time).to.be.within(1, LIFE - RENEW);
  });

  it('is held through a short absence of Redis, and asked for again when it is back', async () => {
    const [a] = await startAll();
    server.pause();
    await isIn(a.link, 'away');
    await a.renew();
    expect(a.lease.isHeld()).to.equal(true);
    server.resume();
    await isIn(a.link, 'open');
    for (let i = 0; i < 2 * (LIFE / RENEW); i++) await a.renew();
    expect(a.lease.isHeld()).to.equal(true);
  });

  it('does not come to a node that ended while it asked', async () => {
    const [a] = nodes as [Node];
    const starting = a.lease.start();
    const closing = a.lease.close();
    await Promise.all([starting, closing]);
    expect(a.lease.isHeld()).to.equal(false);
    expect(a.clock.pending).to.equal(0);
    expect(await server.command('GET', KEY)).to.equal(null);
  });
});
