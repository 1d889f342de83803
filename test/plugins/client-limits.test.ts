import { expect } from 'chai';
import { ClientLimits } from '../../plugins/client-limits.js';
import { aSession } from '../support/a-session.js';
import { Bench, permissive } from '../support/broker-bench.js';
import { CountedLimits } from '../support/counted-limits.js';

const LIMITS = { topicLevels: 5, topicBytes: 20, subscriptions: 3 };

describe('the limits of a client', () => {
  let watch: CountedLimits;
  let plugin: ClientLimits;
  beforeEach(() => {
    watch = new CountedLimits();
    plugin = new ClientLimits(LIMITS, watch);
  });

  const rows: [topic: string, fits: boolean][] = [
    ['a/b/c/d/e', true],
    ['a/b/c/d/e/f', false],
    ['/////', false],
    ['x'.repeat(20), true],
    ['x'.repeat(21), false],
    ['ü'.repeat(10), true],
    ['ü'.repeat(11), false],
  ];
  for (const [topic, fits] of rows)
    it(`${fits ? 'says nothing of' : 'denies'} ${topic}`, () => {
      const session = aSession();
      const verdicts = [plugin.mayPublish(session, topic), plugin.maySubscribe(session, topic)];
      expect(verdicts).to.deep.equal(fits ? [undefined, undefined] : ['deny', 'deny']);
      expect(watch.counts).to.deep.equal(fits ? {} : { topic: 2 });
    });

  it('bounds the filters of a session, by SUBACK 128; one that it has may be asked for again', async () => {
    const bench = await Bench.open({ plugins: [permissive(), plugin] });
    const client = await bench.client();
    expect(await client.subscribe(['a', 'b', 'c', 'd'])).to.deep.equal([0, 0, 0, 128]);
    expect(await client.subscribe(['a', 'e'])).to.deep.equal([0, 128]);
    await client.unsubscribe('b');
    expect(await client.subscribe(['e'])).to.deep.equal([0]);
    const other = await bench.client();
    expect(await other.subscribe(['a', 'b', 'c'])).to.deep.equal([0, 0, 0]);
    expect(watch.counts).to.deep.equal({ subscriptions: 2 });
    await bench.close();
  });

  it('a PUBLISH to a topic that is too long is acknowledged, goes nowhere and closes nothing', async () => {
    const bench = await Bench.open({ plugins: [permissive(), plugin] });
    const [reader, writer] = [await bench.client(), await bench.client()];
    await reader.subscribe(['#'], 1);
    await writer.publish('x'.repeat(21), 'long', 1);
    await writer.publish('fence', '', 1);
    await reader.message('fence');
    expect(reader.topics).to.deep.equal(['fence']);
    await bench.close();
  });
});
