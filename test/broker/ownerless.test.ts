import { expect } from 'chai';
import { BrokerOutbox } from '../../broker/outbox.js';
import { markOf, namesNoOwner, ownerOf } from '../../broker/ownerless.js';
import type { Message, Plugin } from '../../broker/plugin.js';
import { anOwner, Bench, permissive } from '../support/broker-bench.js';
import { OTHER_OWNER, OWNER } from '../support/builders.js';
import { CollectingLog } from '../support/collecting-log.js';

const TOPIC = 'ha/update/x';

describe('messages on topics that name no owner', () => {
  let bench: Bench;
  let seen: Message[];

  /** Lets through what is marked as the session's own, and everything on other topics. */
  const plugin: Plugin = permissive({
    authenticate: async ({ username }) => anOwner({ owner: username }),
    mayReceive: ({ identity }, message) => {
      seen.push(message);
      return !namesNoOwner(message.topic) || message.owner === identity.owner ? 'allow' : 'deny';
    },
  });
  beforeEach(async () => {
    seen = [];
    bench = await Bench.open({ plugins: [plugin] });
  });
  afterEach(() => bench.close());

  const alice = { username: OWNER };
  const bob = { username: OTHER_OWNER };
  /** Everything said before has arrived by then. */
  const fence = async (...clients: Awaited<ReturnType<Bench['client']>>[]): Promise<void> => {
    for (const client of clients) await client.subscribe(['/fence']);
    await clients[0]?.publish('/fence', '', 1);
    for (const client of clients) await client.message('/fence');
  };
  const topicsOf = (client: Awaited<ReturnType<Bench['client']>>): string[] =>
    client.topics.filter((topic) => topic !== '/fence');

  it('are marked as those of the owner who sends them, at every QoS', async () => {
    const [hers, his, sender] = [
      await bench.client(alice),
      await bench.client(bob),
      await bench.client(alice),
    ];
    for (const reader of [hers, his]) await reader.subscribe(['ha/#', TOPIC, '+/+/+'], 1);
    for (const qos of [0, 1, 2] as const) {
      await sender.publish(TOPIC, `at ${qos}`, qos);
      expect((await hers.message(TOPIC)).text).to.equal(`at ${qos}`);
    }
    await fence(hers, his);
    expect(topicsOf(his)).to.deep.equal([]);
  });

  it('are so as a will, too', async () => {
    const [hers, his] = [await bench.client(alice), await bench.client(bob)];
    for (const reader of [hers, his]) await reader.subscribe(['#'], 1);
    const will = { topic: TOPIC, payload: Buffer.from('gone'), qos: 1 as const, retain: false };
    const dying = await bench.client({ ...alice, will });
    await dying.drop();
    expect((await hers.message(TOPIC)).text).to.equal('gone');
    await fence(hers, his);
    expect(topicsOf(his)).to.deep.equal([]);
  });

  it('wait in the queues of their owner only, and keep their mark there', async () => {
    for (const owner of [alice, bob]) {
      const reader = await bench.client({ ...owner, clientId: 'kept', clean: false });
      await reader.subscribe(['ha/#', '/for/all'], 1);
      await reader.disconnect();
    }
    const sender = await bench.client(alice);
    await sender.publish(TOPIC, 'hers', 1);
    await sender.publish('/for/all', 'end', 1);
    await fence(sender);
    const { persistence } = bench.broker as unknown as {
      persistence: { outgoingStream(client: { id: string }): AsyncIterable<{ topic: string }> };
    };
    const queued = async (owner: string): Promise<string[]> => {
      const topics: string[] = [];
      for await (const { topic } of persistence.outgoingStream({ id: `${owner}:owner:kept` }))
        topics.push(topic);
      return topics;
    };
    expect(await queued(OWNER)).to.deep.equal([TOPIC, '/for/all']);
    expect(await queued(OTHER_OWNER)).to.deep.equal(['/for/all']);
    const back = await bench.client({ ...alice, clientId: 'kept', clean: false });
    expect((await back.message(TOPIC)).text).to.equal('hers');
  });

  it("of the server's own are marked by the outbox", async () => {
    const [hers, his] = [await bench.client(alice), await bench.client(bob)];
    for (const reader of [hers, his]) await reader.subscribe(['#'], 1);
    const outbox = new BrokerOutbox(bench.broker, new CollectingLog(), () => true);
    outbox.toOwner(OWNER, TOPIC, 'told', true);
    outbox.toOwner(OWNER, '/o/rtm', 'told', false);
    expect((await hers.message(TOPIC)).text).to.equal('told');
    await hers.message('/o/rtm');
    await outbox.drained();
    await fence(hers, his);
    expect(topicsOf(his)).to.deep.equal(['/o/rtm']);
  });

  it("without a mark are nobody's, whoever put them there", async () => {
    const hers = await bench.client(alice);
    await hers.subscribe(['#'], 1);
    const packet = {
      cmd: 'publish' as const,
      topic: TOPIC,
      payload: 'x',
      qos: 1 as const,
      retain: false,
      dup: false,
    };
    await new Promise<void>((resolve) => bench.broker.publish(packet, () => resolve()));
    await fence(hers);
    expect(topicsOf(hers)).to.deep.equal([]);
  });

  it('and no others are marked: topics that name their owner', async () => {
    const hers = await bench.client(alice);
    await hers.subscribe(['/#'], 1);
    await hers.publish('/a/b', 'x', 1);
    await hers.message('/a/b');
    expect(seen.map(({ owner }) => owner)).to.deep.equal([undefined]);
  });

  it('name their owner by the end of the broker id, and by nothing else', () => {
    expect(ownerOf(TOPIC, { brokerId: markOf('b', OWNER) })).to.equal(OWNER);
    expect(ownerOf(TOPIC, { brokerId: markOf(markOf('b', OTHER_OWNER), OWNER) })).to.equal(OWNER);
    for (const brokerId of [
      'b',
      `b-${OWNER}`,
      `-of-${OWNER.slice(1)}`,
      `-of-${OWNER} `,
      `-of-${OWNER.toUpperCase()}`,
    ])
      expect(ownerOf(TOPIC, { brokerId }), brokerId).to.equal(undefined);
    expect(ownerOf(`/${TOPIC}`, { brokerId: markOf('b', OWNER) })).to.equal(undefined);
    expect(ownerOf(TOPIC, {})).to.equal(undefined);
  });
});
