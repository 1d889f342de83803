import { expect } from 'chai';
import { Queues } from '../../broker/queues.js';
import { Bench } from '../support/broker-bench.js';
import { CountedLimits } from '../support/counted-limits.js';
import type { WireClient } from '../support/wire-client.js';

const KEPT = { clientId: 'kept', clean: false };

const textsOf = (client: WireClient): string[] =>
  client.inbox.all.filter(({ topic }) => topic === 'a').map(({ text }) => text);

describe('queues of clients that are away', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.open({ queued: 3 });
  });
  afterEach(() => bench.close());

  const away = async (): Promise<void> => {
    const client = await bench.client(KEPT);
    await client.subscribe(['a', 'fence'], 1);
    await client.disconnect();
  };
  const publish = async (...texts: string[]): Promise<void> => {
    const writer = await bench.client();
    for (const text of texts) await writer.publish('a', text, 1);
    await writer.disconnect();
  };
  const back = async (): Promise<string[]> => {
    const client = await bench.client(KEPT);
    const writer = await bench.client();
    await writer.publish('fence', '', 1);
    await client.message('fence');
    await Promise.all([client, writer].map((each) => each.disconnect()));
    return textsOf(client);
  };

  it('hold so many messages; what comes later is lost, and what was there stays', async () => {
    await away();
    await publish('1', '2', '3', '4', '5');
    expect(await back()).to.deep.equal(['1', '2', '3']);
    expect(bench.watch.counts).to.deep.equal({ queue: 2 });
  });

  it('have room again once the client has fetched what was there', async () => {
    await away();
    await publish('1', '2', '3', '4');
    expect(await back()).to.deep.equal(['1', '2', '3']);
    await publish('5', '6', '7');
    expect(await back()).to.deep.equal(['5', '6', '7']);
  });

  it('do not hold up a client that is there', async () => {
    const client = await bench.client(KEPT);
    client.acknowledges = false;
    await client.subscribe(['a', 'fence'], 1);
    const texts = Array.from({ length: 20 }, (_, n) => String(n));
    await publish(...texts, 'end');
    await client.inbox.next('the last', ({ text }) => text === 'end');
    expect(textsOf(client)).to.deep.equal([...texts, 'end']);
  });

  it('are forgotten when the client comes with a clean session (MQTT-3.1.2-6)', async () => {
    await away();
    await publish('1', '2', '3');
    const clean = await bench.client({ ...KEPT, clean: true });
    await clean.disconnect();
    await away();
    expect(await back()).to.deep.equal([]);
    expect(bench.watch.counts).to.deep.equal({});
  });

  it('that are shared are counted anew when they seem full, at most once a second', async () => {
    const watch = new CountedLimits();
    let [waiting, asked] = [3, 0];
    const queues = new Queues({
      most: 3,
      watch,
      waiting: async () => {
        asked++;
        return waiting;
      },
    });
    expect(await Promise.all(Array.from({ length: 3 }, () => queues.add('c')))).to.deep.equal([
      true,
      true,
      true,
    ]);
    waiting = 1;
    expect([await queues.add('c'), await queues.add('c')]).to.deep.equal([true, true]);
    waiting = 3;
    expect([await queues.add('c'), await queues.add('c')]).to.deep.equal([false, false]);
    expect([asked, watch.counts]).to.deep.equal([2, { queue: 2 }]);
  });
});
