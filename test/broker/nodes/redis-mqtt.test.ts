import { expect } from 'chai';
import { Redis } from 'ioredis';
import type { Commands } from '../../../broker/nodes/commands.js';
import { type RedisMqtt, redisMqtt } from '../../../broker/nodes/redis-mqtt.js';
import { loadSettings } from '../../../scripts/config/load.js';
import { createBroker } from '../../../scripts/server/broker.js';
import { BlackHole } from '../../support/black-hole.js';
import { Bench } from '../../support/broker-bench.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { RedisServer } from '../../support/redis-server.js';
import type { WireClient } from '../../support/wire-client.js';

const COMMAND_MS = 200;
const TRYING = { everyMs: 100, patienceMs: 200 };

describe('brokers on Redis', () => {
  let server: RedisServer;
  let open: { bench: Bench; mqtt: RedisMqtt; close(): Promise<void> }[];
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.dispose());
  beforeEach(() => {
    open = [];
  });
  afterEach(async () => {
    for (const { close } of open) await close();
    await server.command('FLUSHALL');
  });

  /** A broker as a node has it. */
  const aNode = async (db = 0, port = server.port): Promise<Bench> => {
    // The store never goes: what the broker's own connections notice by themselves is what is tested.
    const store: Commands = {
      state: 'open',
      onState: () => () => {},
      run: () => Promise.reject(new Error()),
    };
    const mqtt = await redisMqtt(
      store,
      { host: '127.0.0.1', port, db },
      COMMAND_MS,
      new CollectingLog(),
      TRYING,
    );
    const settings = await loadSettings({ file: false, env: {}, overrides: {} });
    const broker = await createBroker(settings, new CollectingLog(), mqtt);
    const bench = await Bench.open({ broker });
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      closing ??= bench.close().then(() => mqtt.close());
      await closing;
    };
    open.push({ bench, mqtt, close });
    return bench;
  };
  /** Publishes until it arrives: a subscription reaches Redis a moment after its SUBACK. */
  const reach = async (sender: WireClient, reader: WireClient, topic: string): Promise<void> => {
    let isThere = false;
    const arrived = reader.message(topic).then(() => {
      isThere = true;
    });
    while (!isThere) {
      await sender.publish(topic, 'fence');
      await Promise.race([arrived, new Promise((resolve) => setTimeout(resolve, 10))]);
    }
  };

  for (const filter of ['#', '+/#', '/o/+/x', '/o/#', '/o/d/x', '/+/d/+'])
    it(`${filter} brings on one node what is published on the other, once, at every QoS, and in order`, async () => {
      const [a, b] = [await aNode(), await aNode()];
      const [sender, reader] = [
        await a.client({ clientId: 'sender' }),
        await b.client({ clientId: 'reader' }),
      ];
      await reader.subscribe([filter], 2);
      await reach(sender, reader, '/o/d/x');
      const before = reader.inbox.all.length;
      for (const qos of [0, 1, 2] as const) await sender.publish('/o/d/x', `at ${qos}`, qos);
      await reader.inbox.next('the last', ({ text }) => text === 'at 2');
      const texts = reader.inbox.all.slice(before).map(({ text }) => text);
      expect(texts.filter((text) => text !== 'fence')).to.deep.equal(['at 0', 'at 1', 'at 2']);
    });

  it('clients see nothing of what the nodes say to each other, nor of another database', async () => {
    const [a, b, other] = [await aNode(0), await aNode(0), await aNode(1)];
    const [reader, stranger] = [
      await b.client({ clientId: 'reader' }),
      await other.client({ clientId: 'stranger' }),
    ];
    for (const client of [reader, stranger])
      await client.subscribe(['#', '+/#', '+', 'nodes:0', 'firmwire-0/#'], 0);
    await server.command('PUBLISH', 'nodes:0', 'between nodes');
    const sender = await a.client({ clientId: 'sender' });
    await reach(sender, reader, '/fence');
    const near = await other.client({ clientId: 'near' });
    await reach(near, stranger, '/near');
    expect(new Set(reader.topics)).to.deep.equal(new Set(['/fence']));
    expect(new Set(stranger.topics)).to.deep.equal(new Set(['/near']));
  });

  for (const [first, second, topic] of [
    ['/o/x[1]/+', undefined, '/o/x[1]/y'],
    ['/o/a?/+', undefined, '/o/a?/y'],
    ['/o/*/+', undefined, '/o/*/y'],
    ['/o/\\/#', undefined, '/o/\\/y'],
    ['/o/*', '/o/+', '/o/y'],
    ['/o*', '/o/#', '/o/y'],
  ] as const)
    it(`what Redis takes for a pattern is a letter in MQTT: ${first}${second ? ` beside ${second}` : ''}`, async () => {
      const [a, b] = [await aNode(), await aNode()];
      const [sender, reader] = [
        await a.client({ clientId: 'sender' }),
        await b.client({ clientId: 'reader' }),
      ];
      await reader.subscribe([first], 0);
      if (second) await reader.subscribe([second], 0);
      await reach(sender, reader, topic);
    });

  it('a client that comes with the same id to another node is cut from the first', async () => {
    const [a, b] = [await aNode(), await aNode()];
    const first = await a.client({ clientId: 'same' });
    const second = await b.client({ clientId: 'same' });
    await first.closed;
    await second.ping();
  });

  it('a message waits for a persistent session that comes back to another node', async () => {
    const [a, b] = [await aNode(), await aNode()];
    const session = { clientId: 'kept', clean: false };
    const reader = await a.client(session);
    await reader.subscribe(['/o/x'], 1);
    await reader.drop();
    await (await b.client({ clientId: 'sender' })).publish('/o/x', 'waited', 1);
    const back = await b.client(session);
    expect((await back.message('/o/x')).text).to.equal('waited');
    expect(await open[0]?.mqtt.persistentClients()).to.have.length(1);
  });

  it('while Redis is away a message at QoS 0 is lost, its client stays, and it works again by itself', async () => {
    const [a, b] = [await aNode(), await aNode()];
    const [sender, reader] = [await a.client({ clientId: 'sender' }), await b.client({ clientId: 'reader' })];
    await reader.subscribe(['/o/x'], 0);
    await reach(sender, reader, '/o/x');
    server.pause();
    for (let i = 0; i < 10; i++) await sender.publish('/o/x', 'lost');
    await sender.ping();
    await new Promise((resolve) => setTimeout(resolve, 2 * COMMAND_MS));
    await sender.ping();
    server.resume();
    await reach(sender, reader, '/o/x');
    await sender.ping();
    expect(sender.isClosed).to.equal(false);
  });

  it('a broker closes while Redis is away', async () => {
    await aNode();
    const [node] = open;
    server.pause();
    const begun = Date.now();
    await node?.close();
    expect(Date.now() - begun).to.be.below(2000);
    server.resume();
  });

  it('a broker closes, and its connections are gone', async () => {
    await aNode();
    await open[0]?.close();
    const redis = new Redis({ port: server.port, host: '127.0.0.1' });
    let list = '';
    do list = (await redis.client('LIST')) as string;
    while (list.includes('firmwire-mqtt'));
    redis.disconnect();
    expect(list).to.not.include('firmwire-mqtt');
  });

  it('connections that lead nowhere any more are made anew', async () => {
    const hole = await BlackHole.before(server.port);
    try {
      const [a, b] = [await aNode(), await aNode(0, hole.port)];
      const [sender, reader] = [
        await a.client({ clientId: 'sender' }),
        await b.client({ clientId: 'reader' }),
      ];
      await reader.subscribe(['/o/x'], 0);
      await reach(sender, reader, '/o/x');
      hole.swallow();
      await reach(sender, reader, '/o/x');
      const back = await a.client({ clientId: 'back' });
      await back.subscribe(['/o/y'], 0);
      await reach(reader, back, '/o/y');
    } finally {
      for (const { close } of open) await close();
      await hole.close();
    }
  });
});
