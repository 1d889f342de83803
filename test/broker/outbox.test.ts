import type { Aedes } from 'aedes';
import { expect } from 'chai';
import { BrokerOutbox } from '../../broker/outbox.js';
import { Bench } from '../support/broker-bench.js';
import { OTHER_OWNER, OWNER } from '../support/builders.js';
import { CollectingLog } from '../support/collecting-log.js';
import type { WireClient } from '../support/wire-client.js';

const MANY = 50;
const numbers = [...Array(MANY).keys()].map(String);
const everybody = () => true;
const texts = (client: WireClient, start: string): string[] =>
  client.inbox.all.filter(({ topic }) => topic.startsWith(start)).map(({ text }) => text);

describe('the outbox', () => {
  let bench: Bench;
  let outbox: BrokerOutbox;
  beforeEach(async () => {
    bench = await Bench.open();
    outbox = new BrokerOutbox(bench.broker, bench.log, everybody);
  });
  afterEach(() => bench.close());

  it('brings all messages of one owner in order, to a subscriber of several topics', async () => {
    const reader = await bench.client();
    await reader.subscribe(['/o/a', '/o/b'], 1);
    for (const text of numbers) outbox.toOwner(OWNER, Number(text) % 2 ? '/o/a' : '/o/b', text, false);
    await reader.inbox.next('the last', ({ text }) => text === numbers.at(-1));
    expect(texts(reader, '/o/')).to.deep.equal(numbers);
    expect(reader.inbox.all.every(({ qos }) => qos === 1)).to.equal(true);
  });

  it('loses none while clients publish at QoS 0, nor do they lose theirs', async () => {
    const [reader, chatty] = [await bench.client(), await bench.client()];
    await reader.subscribe(['/o/#', '/chat'], 1);
    for (const text of numbers) {
      outbox.toOwner(OWNER, '/o/a', text, false);
      await chatty.publish('/chat', text, 0);
      outbox.toOwner(OTHER_OWNER, '/o/b', text, false);
    }
    const last = (topic: string) =>
      reader.inbox.next(`the last on ${topic}`, (m) => m.topic === topic && m.text === numbers.at(-1));
    await Promise.all(['/o/a', '/o/b', '/chat'].map(last));
    for (const topic of ['/o/a', '/o/b', '/chat']) expect(texts(reader, topic)).to.deep.equal(numbers);
  });

  it('keeps no retained message that was cleared, and keeps the newest', async () => {
    for (const text of ['1', '2', '']) outbox.toOwner(OWNER, '/o/cleared', text, true);
    for (const text of ['1', '2']) outbox.toOwner(OWNER, '/o/kept', text, true);
    await outbox.drained();
    const reader = await bench.client();
    await reader.subscribe(['/o/#'], 1);
    expect((await reader.message('/o/kept')).text).to.equal('2');
    expect(reader.topics).to.deep.equal(['/o/kept']);
  });

  it('sends of retained messages that wait on one topic the last, and every other message', async () => {
    const reader = await bench.client();
    await reader.subscribe(['/o/#'], 1);
    for (const text of numbers) {
      outbox.toOwner(OWNER, '/o/state', text, true);
      outbox.toOwner(OWNER, '/o/event', text, false);
    }
    expect(outbox.backlog(OWNER)).to.equal(MANY + 1);
    outbox.toOwner(OTHER_OWNER, '/p', 'x', false);
    expect(outbox.waiting, 'for all owners').to.equal(MANY + 2);
    await outbox.drained();
    expect([outbox.backlog(OWNER), outbox.waiting]).to.deep.equal([0, 0]);
    outbox.toOwner(OWNER, '/o/fence', 'fence', false);
    await reader.message('/o/fence');
    expect(texts(reader, '/o/state')).to.deep.equal([numbers.at(-1)]);
    expect(texts(reader, '/o/event')).to.deep.equal(numbers);
  });

  it('says nothing that nobody hears', async () => {
    const quiet = new BrokerOutbox(bench.broker, bench.log, (owner) => owner === OWNER);
    const reader = await bench.client();
    await reader.subscribe(['#'], 1);
    quiet.toOwner(OTHER_OWNER, '/unheard', '', false);
    quiet.toOwner(OWNER, '/fence', '', false);
    await reader.message('/fence');
    expect(reader.topics).to.deep.equal(['/fence']);
  });

  /** A broker whose first publish fails like this. */
  const failing = (fail: (done: (error?: Error) => void) => void): { broker: Aedes; topics: string[] } => {
    const topics: string[] = [];
    const publish = ({ topic }: { topic: string }, done: (error?: Error) => void): void => {
      topics.push(topic);
      if (topics.length === 1) fail(done);
      else done();
    };
    return { broker: { id: 'id', publish } as unknown as Aedes, topics };
  };
  const failures: Record<string, (done: (error?: Error) => void) => void> = {
    'is answered with an error': (done) => done(new Error('failed')),
    throws: () => {
      throw new Error('failed');
    },
  };
  for (const [how, fail] of Object.entries(failures)) {
    it(`goes on after a publish that ${how}`, async () => {
      const log = new CollectingLog();
      const { broker, topics } = failing(fail);
      const box = new BrokerOutbox(broker, log, everybody);
      box.toOwner(OWNER, '/1', '', false);
      box.toOwner(OWNER, '/2', '', false);
      await box.drained().catch(() => {});
      box.toOwner(OWNER, '/3', '', false);
      await box.drained().catch(() => {});
      expect(topics).to.deep.equal(['/1', '/2', '/3']);
      expect(log.lines.filter(({ level }) => level === 'error')).to.have.length(1);
    }).timeout(2000);
  }
});

describe('messages between clients', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.open();
  });
  afterEach(() => bench.close());

  for (const [name, senders] of [
    ['of one client in one chunk', 1],
    ['of two clients at the same time', 2],
  ] as const) {
    it(`at QoS 1 and QoS 0 ${name} all arrive`, async () => {
      const reader = await bench.client();
      await reader.subscribe(['/a', '/b'], 1);
      const first = await bench.client();
      const second = senders === 1 ? first : await bench.client();
      const acknowledged = first.publish('/a', 'one', 1);
      await second.publish('/b', 'two', 0);
      await acknowledged;
      await reader.message('/b');
      await first.publish('/a', 'fence', 1);
      await reader.inbox.next('the fence', ({ text }) => text === 'fence');
      expect(texts(reader, '/a')).to.deep.equal(['one', 'fence']);
    });
  }
});
