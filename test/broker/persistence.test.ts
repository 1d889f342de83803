import { expect } from 'chai';
import type { RetainedSource } from '../../broker/retained.js';
import { Bench, MemoryRetained, permissive } from '../support/broker-bench.js';

describe('retained messages of a broker', () => {
  let bench: Bench;
  afterEach(() => bench.close());

  for (const published of [0, 1, 2] as const)
    for (const granted of [0, 1, 2] as const)
      it(`published at QoS ${published} and subscribed to at ${granted} come at the lower, also for wildcards`, async () => {
        bench = await Bench.open();
        const sender = await bench.client();
        await sender.publish('/a/b', 'kept', published, true);
        for (const filter of ['/a/b', '/a/+', '/#']) {
          const reader = await bench.client();
          await reader.subscribe([filter], granted);
          const message = await reader.message('/a/b');
          expect(message, filter).to.include({
            qos: Math.min(published, granted),
            retain: true,
            text: 'kept',
          });
        }
      });

  it('come once for overlapping filters of one SUBSCRIBE, at the best QoS granted', async () => {
    bench = await Bench.open();
    const client = await bench.client();
    // QoS 2: at QoS 1 Aedes acknowledges before it stores.
    await client.publish('/a', 'kept', 2, true);
    client.send({
      cmd: 'subscribe',
      messageId: 9,
      subscriptions: [
        { topic: '/#', qos: 0 },
        { topic: '/a', qos: 1 },
      ],
    });
    expect((await client.message('/a')).qos).to.equal(1);
    await client.publish('/fence', '', 1);
    await client.message('/fence');
    expect(client.topics).to.deep.equal(['/a', '/fence']);
  });

  it('come for granted filters only', async () => {
    const plugin = permissive({ maySubscribe: (_, filter) => (filter === '/closed' ? 'deny' : 'allow') });
    bench = await Bench.open({ plugins: [plugin] });
    const client = await bench.client();
    await client.publish('/closed', 'kept', 2, true);
    await client.publish('/open', 'kept', 2, true);
    await client.subscribe(['/closed'], 1);
    await client.subscribe(['/closed', '/open'], 1);
    await client.message('/open');
    expect(client.topics).to.deep.equal(['/open']);
  });

  it('are forgotten by an empty payload, and a later one takes their place', async () => {
    bench = await Bench.open();
    const client = await bench.client();
    for (const text of ['old', 'new']) await client.publish('/kept', text, 2, true);
    for (const text of ['old', '']) await client.publish('/cleared', text, 2, true);
    await client.subscribe(['/#'], 1);
    expect((await client.message('/kept')).text).to.equal('new');
    expect(client.topics).to.deep.equal(['/kept']);
  });

  it('are not sent for restored subscriptions (MQTT 3.1.1, 3.1.2.4)', async () => {
    bench = await Bench.open();
    const session = { clientId: 'kept', clean: false };
    const before = await bench.client(session);
    await before.subscribe(['/a', '/fence'], 1);
    await before.disconnect();
    const sender = await bench.client();
    await sender.publish('/a', 'kept', 0, true);
    const back = await bench.client(session);
    await sender.publish('/fence', '', 1);
    await back.message('/fence');
    expect(back.topics).to.deep.equal(['/fence']);
  });

  it('that belong to two who subscribe at the same time are not mixed up', async () => {
    const asked: string[] = [];
    const source = new (class extends MemoryRetained {
      override async *matching(subscriber: Parameters<RetainedSource['matching']>[0]) {
        asked.push(`${subscriber.session.clientId} ${subscriber.granted.map(({ topic }) => topic)}`);
        yield* super.matching(subscriber);
      }
    })();
    bench = await Bench.open({ retained: source });
    const clients = await Promise.all(['x', 'y', 'z'].map((clientId) => bench.client({ clientId })));
    await Promise.all(clients.map((client, i) => client.subscribe([`/${i}`])));
    await Promise.all(clients.map((client) => client.ping()));
    expect(asked.sort()).to.deep.equal(['x /0', 'y /1', 'z /2']);
  });

  it('that cannot be read harm nobody: the SUBSCRIBE counts and the broker goes on', async () => {
    const broken: RetainedSource = {
      store: async () => {},
      // biome-ignore lint/correctness/useYield: it fails before it has anything
      async *matching() {
        throw new Error('the database is damaged');
      },
    };
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      bench = await Bench.open({ retained: broken });
      const client = await bench.client();
      expect(await client.subscribe(['/a'])).to.deep.equal([0]);
      await client.publish('/a', 'now');
      await client.message('/a');
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(uncaught).to.deep.equal([]);
  });
});
