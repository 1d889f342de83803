import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Commands } from '../../../broker/nodes/commands.js';
import { RedisLock } from '../../../broker/nodes/redis-lock.js';
import type { RedisLink } from '../../../broker/storage/redis/link.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { codeOf } from '../../support/domain.js';
import { gate } from '../../support/gate.js';
import { aLink, isIn } from '../../support/redis-nodes.js';
import { RedisServer } from '../../support/redis-server.js';

const LIFE = 500;
const RENEW = 100;
const PATIENCE = 5000;

describe('the lock on Redis', () => {
  let server: RedisServer;
  let links: RedisLink[];
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.dispose());
  beforeEach(() => {
    links = [];
  });
  afterEach(async () => {
    for (const link of links) await link.close();
    expect(await server.command('KEYS', 'lock:*'), 'locks that were left').to.deep.equal([]);
  });

  const open = async (patienceMs = PATIENCE): Promise<{ lock: RedisLock; link: RedisLink }> => {
    const link = await aLink(server);
    links.push(link);
    return {
      link,
      lock: new RedisLock(link, new CollectingLog(), { lifeMs: LIFE, renewMs: RENEW, patienceMs }),
    };
  };

  it('lets 50 on two nodes in one after the other, and all of them', async () => {
    const locks = [(await open()).lock, (await open()).lock];
    let inside = 0;
    let most = 0;
    const done = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        locks[i % 2]?.acquire('key', async () => {
          most = Math.max(most, ++inside);
          await delay(i % 3);
          inside--;
          return i;
        }),
      ),
    );
    expect(most).to.equal(1);
    expect(done).to.deep.equal(Array.from({ length: 50 }, (_, i) => i));
  });

  it('those of one node come in the order of their calls', async () => {
    const { lock } = await open();
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => lock.acquire('key', async () => void order.push(i))),
    );
    expect(order).to.deep.equal(Array.from({ length: 20 }, (_, i) => i));
  });

  it('says nothing to Redis any more once it is free', async () => {
    const { link } = await open();
    let said = 0;
    const counting: Commands = {
      state: 'open',
      onState: () => () => {},
      run: (command) => {
        said++;
        return link.run(command);
      },
    };
    const lock = new RedisLock(counting, new CollectingLog(), {
      lifeMs: LIFE,
      renewMs: RENEW,
      patienceMs: PATIENCE,
    });
    await lock.acquire('key', () => delay(1.5 * RENEW));
    expect(said, 'taken, renewed, freed').to.be.at.least(3);
    const before = said;
    await delay(2 * RENEW);
    expect(said).to.equal(before);
  });

  it('those on different keys do not wait for each other', async () => {
    const [{ lock }, other] = [await open(), await open()];
    const ending = gate();
    const first = lock.acquire('one', () => ending.opened);
    await other.lock.acquire('two', async () => {});
    await lock.acquire('three', async () => {});
    ending.open();
    await first;
  });

  it('is held beyond its life by whoever renews it', async () => {
    const [{ lock }, other] = [await open(), await open()];
    const order: string[] = [];
    const begun = gate();
    const holding = lock.acquire('key', async () => {
      begun.open();
      await delay(2 * LIFE);
      order.push('first');
    });
    await begun.opened;
    await other.lock.acquire('key', async () => void order.push('second'));
    await holding;
    expect(order).to.deep.equal(['first', 'second']);
  });

  it('is free after an action that throws, which the caller is told', async () => {
    const [{ lock }, other] = [await open(), await open()];
    const said = await lock
      .acquire('key', () => Promise.reject(new Error('no')))
      .catch((error: Error) => error.message);
    expect(said).to.equal('no');
    const begun = Date.now();
    expect(await other.lock.acquire('key', async () => 'mine')).to.equal('mine');
    expect(Date.now() - begun).to.be.below(LIFE);
  });

  it('is free when the life of a holder that died is over, not before', async () => {
    const { lock } = await open();
    await server.command('SET', 'lock:key', 'a node that was killed', 'PX', LIFE);
    const begun = Date.now();
    await lock.acquire('key', async () => {});
    expect(Date.now() - begun).to.be.within(LIFE - 50, LIFE + 500);
  });

  it('does not free what it has lost to another meanwhile', async () => {
    const { lock } = await open();
    await lock.acquire('key', async () => {
      await server.command('SET', 'lock:key', 'another');
    });
    expect(await server.command('GET', 'lock:key')).to.equal('another');
    await server.command('DEL', 'lock:key');
  });

  it('does not renew what it has lost', async () => {
    const { lock } = await open();
    await lock.acquire('key', async () => {
      await server.command('SET', 'lock:key', 'another', 'PX', 60_000);
      await delay(2 * RENEW);
      expect(await server.command('PTTL', 'lock:key')).to.be.greaterThan(LIFE);
    });
    await server.command('DEL', 'lock:key');
  });

  it('is refused when another holds it for too long, and nothing is done', async () => {
    const [{ lock }, { lock: impatient }] = [await open(), await open(100)];
    const [begun, ending] = [gate(), gate()];
    const holding = lock.acquire('key', () => {
      begun.open();
      return ending.opened;
    });
    await begun.opened;
    let isDone = false;
    const code = await codeOf(
      impatient.acquire('key', async () => {
        isDone = true;
      }),
    );
    expect([code, isDone]).to.deep.equal(['store_unavailable', false]);
    ending.open();
    await holding;
    await impatient.acquire('key', async () => {});
  });

  it('is refused while Redis is away, and nothing is done', async () => {
    const { lock, link } = await open();
    server.pause();
    let isDone = false;
    const attempt = codeOf(
      lock.acquire('key', async () => {
        isDone = true;
      }),
    );
    expect(await attempt).to.equal('store_unavailable');
    expect(link.state).to.equal('away');
    server.resume();
    await isIn(link, 'open');
    expect(isDone).to.equal(false);
    // The command that timed out may have been carried out: then the key lasts for its life.
    await lock.acquire('key', async () => {});
  });

  it('gives the result of an action that went on while Redis was away', async () => {
    const { lock, link } = await open();
    const [begun, ending] = [gate(), gate()];
    const result = lock.acquire('key', async () => {
      begun.open();
      await ending.opened;
      return 'done';
    });
    await begun.opened;
    server.pause();
    await isIn(link, 'away');
    ending.open();
    expect(await result).to.equal('done');
    server.resume();
    await isIn(link, 'open');
    await lock.acquire('key', async () => {});
  });
});
