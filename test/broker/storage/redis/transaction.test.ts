import { expect } from 'chai';
import type { Batch } from '../../../../broker/storage/redis/batch.js';
import type { Key } from '../../../../broker/storage/redis/keys.js';
import { RedisLink } from '../../../../broker/storage/redis/link.js';
import { Transactions } from '../../../../broker/storage/redis/transaction.js';
import { range } from '../../../contracts/harness.js';
import { codeOf } from '../../../support/domain.js';
import { quick } from '../../../support/redis-link.js';
import { RedisServer } from '../../../support/redis-server.js';

const number = (name: string, isRare = false): Key<number> => ({
  name,
  codec: { encode: (value) => JSON.stringify(value), decode: (text) => JSON.parse(text) },
  isRare,
});
const A = number('a');
const B = number('b');
const RARE = number('rare', true);

describe('a change on Redis', () => {
  let server: RedisServer;
  let links: RedisLink[];
  /** Of two nodes. */
  let node: Transactions;
  let other: Transactions;

  before(async () => {
    server = await RedisServer.start();
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    links = [await RedisLink.open(quick(server, { heartbeatMs: 60_000, commandMs: 5000 }))];
    links.push(await RedisLink.open(quick(server, { heartbeatMs: 60_000, commandMs: 5000 })));
    const [one, two] = links.map((link) => new Transactions(link));
    if (!one || !two) throw new Error('no links');
    node = one;
    other = two;
  });
  afterEach(async () => {
    for (const link of links) await link.close();
  });
  after(() => server.dispose());

  const put = (key: Key<number>, value: number) => (batch: Batch) => batch.put(key, value);
  const add = (on: Transactions, key: Key<number>, amount = 1) =>
    on.change([key], (batch, before = 0) => {
      batch.put(key, before + amount);
      return before + amount;
    });
  /** How many commands of clients Redis carries out for it. */
  const trips = async (action: () => Promise<unknown>): Promise<number> => {
    await server.command('CONFIG', 'RESETSTAT');
    await action();
    const stats = String(await server.command('INFO', 'commandstats'));
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    return calls('eval') + calls('evalsha') + calls('mget') + calls('exists');
  };

  it('of what was seen before takes one round trip, of anything else two', async () => {
    await node.change([A], put(A, 1));
    expect(await trips(() => add(node, A))).to.equal(1);
    expect(await trips(() => add(other, A))).to.equal(2);
    expect(await trips(() => add(other, A))).to.equal(1);
    expect(await node.get(A)).to.equal(4);
    await other.get(B);
    expect(await trips(() => add(other, B))).to.equal(1);
  });

  it('guesses that a rare key is not there, and is right all the same', async () => {
    expect(await trips(() => add(node, RARE))).to.equal(1);
    expect(await trips(() => add(other, RARE))).to.equal(2);
    expect(await node.get(RARE)).to.equal(2);
  });

  it('loses none of many at once, from two nodes, on several keys each', async () => {
    const both = (on: Transactions, first: Key<number>, second: Key<number>) =>
      on.change([first, second], (batch, one = 0, two = 0) => {
        batch.put(first, one + 1);
        batch.put(second, two + 1);
      });
    await Promise.all(
      range(40).flatMap((n) => [n % 2 ? both(node, A, B) : both(node, B, A), both(other, A, B)]),
    );
    expect([await node.get(A), await other.get(B)]).to.deep.equal([80, 80]);
  });

  it('is planned anew if another node came first, and only the last plan counts', async () => {
    await add(node, A, 5);
    await add(other, A, 5);
    const shown: (number | undefined)[] = [];
    const result = await node.change([A], (batch, before) => {
      shown.push(before);
      batch.put(A, 100 + (before ?? 0));
      return before;
    });
    expect([shown, result, await other.get(A)]).to.deep.equal([[5, 10], 10, 110]);
  });

  it('that does nothing is told only if what it rests on is true', async () => {
    await add(node, A, 1);
    await add(other, A, 1);
    const look = (_batch: Batch, before: number | undefined) => before;
    expect(await node.change([A], look)).to.equal(2);
    await add(other, A, 1);
    await server.command('DEL', 'a');
    expect(await node.change([A], look)).to.equal(undefined);
  });

  it('throws what its plan throws, but not because of a value that is not there any more', async () => {
    await add(node, A, 1);
    await add(other, A, 1);
    const refusing = (value: number) => (batch: Batch, before: number | undefined) => {
      if (before === value) throw new Error(`not with ${value}`);
      batch.put(A, 50);
    };
    await node.change([A], refusing(1));
    expect(await other.get(A)).to.equal(50);
    const failed = await node.change([A], refusing(50)).catch((error: Error) => error.message);
    expect([failed, await other.get(A)]).to.deep.equal(['not with 50', 50]);
  });

  it('changes nothing if what it rests on is not so: no command of it is carried out', async () => {
    await add(node, A, 1);
    await add(node, B, 1);
    await add(other, B, 1);
    let plans = 0;
    const failed = await node
      .change([A, B], (batch) => {
        plans++;
        if (plans > 1) throw new Error('enough');
        batch.put(A, 7);
        batch.run('SET', 'c', 'written');
      })
      .catch((error: Error) => error.message);
    expect([failed, await node.get(A), await node.get(number('c'))]).to.deep.equal(['enough', 1, undefined]);
  });

  it('gives up at last if others always come first', async () => {
    let asked = 0;
    const unlucky = new Transactions({
      id: 'x',
      run: () => Promise.reject(new Error('no reads')),
      // As if the key held something else each time.
      write: async () => [`${asked++}`] as never,
      emptied: () => links[0]?.emptied() as never,
    });
    expect(await codeOf(add(unlucky, A))).to.equal('store_unavailable');
    expect(asked).to.equal(50);
  });

  it('is settled once those begun before have ended, also badly', async () => {
    const ended: string[] = [];
    const good = add(node, A).then(() => ended.push('good'));
    const bad = node
      .change([B], () => {
        throw new Error('no');
      })
      .catch(() => ended.push('bad'));
    await node.settled();
    await Promise.all([good, bad]);
    expect(ended.sort()).to.deep.equal(['bad', 'good']);
    await node.flushed();
  });

  it('goes on after Redis has forgotten its scripts', async () => {
    await add(node, A);
    await server.command('SCRIPT', 'FLUSH');
    expect(await Promise.all([add(node, A), add(node, B)])).to.deep.equal([2, 1]);
  });

  it('reads what others have written, however it was seen before', async () => {
    await add(node, A);
    await add(other, A);
    expect(await node.get(A)).to.equal(2);
    expect(await node.some([A, B])).to.deep.equal([2]);
    await server.command('DEL', 'a');
    expect(await node.get(A)).to.equal(undefined);
    expect(await node.some([A, B])).to.deep.equal([]);
  });
});
