import { expect } from 'chai';
import type { Message, Plugin } from '../../broker/plugin.js';
import { anOwner, Bench, type BenchOptions, MemoryRetained, permissive } from '../support/broker-bench.js';
import { OTHER_OWNER } from '../support/builders.js';
import { gate } from '../support/gate.js';
import { Inbox } from '../support/inbox.js';
import { connectPacket, publishPacket } from '../support/wire-client.js';

const REFUSED = 128;
const deep = (levels: number): string => Array(levels).fill('a').join('/');

describe('attach', () => {
  let bench: Bench;
  const open = async (options: BenchOptions = {}): Promise<Bench> => {
    bench = await Bench.open(options);
    return bench;
  };
  afterEach(() => bench.close());

  /** Refuses what begins with `/closed`. */
  const fenced = (change: Partial<Plugin> = {}): Plugin =>
    permissive({
      mayPublish: (_, topic) => (topic.startsWith('/closed') ? 'deny' : 'allow'),
      maySubscribe: (_, filter) => (filter.startsWith('/closed') ? 'deny' : 'allow'),
      ...change,
    });

  describe('CONNECT', () => {
    it('is answered with the code of the refusal', async () => {
      await open({ plugins: [permissive({ authenticate: async () => ({ refused: 4, reason: 'no' }) })] });
      const client = bench.socket();
      expect(await client.connect()).to.equal(4);
      await client.closed;
    });

    it('is refused when no plugin vouches, and when the only one hangs', async () => {
      await open({ plugins: [permissive({ authenticate: () => new Promise(() => {}) })] });
      const client = bench.socket();
      expect(await client.connect()).to.equal(5);
      await client.closed;
    });

    it('tells the plugins what the client told', async () => {
      const told: unknown[] = [];
      await open({
        plugins: [
          permissive({
            authenticate: async (credentials) => {
              told.push(credentials);
              return anOwner();
            },
          }),
        ],
      });
      const will = { topic: '/lwt', payload: Buffer.from('gone') };
      await bench.client({ clientId: '5C CF', username: 'me', password: 'secret', will });
      await bench.client({ clientId: 'bare' });
      expect(told[0]).to.deep.include({
        clientId: '5C CF',
        username: 'me',
        password: 'secret',
        willTopic: '/lwt',
      });
      expect(told[0]).to.have.property('connection').that.is.an('object');
      expect(told[1]).to.include({ willTopic: undefined });
    });

    it('with an empty client id and a session to be kept gets code 2 (MQTT-3.1.3-8)', async () => {
      await open();
      const client = bench.socket();
      // mqtt-packet refuses to write it: flags 0xc0 are user name and password, without clean session.
      const fields = ['MQTT', '\x04', '\xc0', '\0\0', '\0\0', '\0\x01u', '\0\x01p'];
      const body = Buffer.from(`\0\x04${fields.join('')}`, 'latin1');
      client.send(Buffer.concat([Buffer.of(0x10, body.length), body]));
      expect((await client.connack()).returnCode).to.equal(2);
      await client.closed;
    });

    it('with an empty client id and a clean session is accepted', async () => {
      await open();
      expect(await bench.socket().connect({ clientId: '' })).to.equal(0);
    });

    it('of MQTT 5 is answered "unacceptable protocol version"', async () => {
      await open();
      const client = bench.socket();
      // Protocol level 5, no properties.
      const body = Buffer.from('\0\x04MQTT\x05\x02\0\0\0\0\x01c', 'latin1');
      client.send(Buffer.concat([Buffer.of(0x10, body.length), body]));
      expect((await client.connack()).returnCode).to.equal(1);
      await client.closed;
    });

    describe('of another owner with the same client id', () => {
      const TOPIC = `/${anOwner().owner}/x`;
      const mine = { clientId: '5CCF7F1A2B3C', username: 'a', clean: false };
      const byUser: Plugin = permissive({
        authenticate: async ({ username }) => anOwner(username === 'b' ? { owner: OTHER_OWNER } : {}),
        mayReceive: ({ identity }, { topic }) => (topic.startsWith(`/${identity.owner}`) ? 'allow' : 'deny'),
      });
      beforeEach(() => open({ plugins: [byUser] }));

      it('does not cut the session', async () => {
        const first = await bench.client(mine);
        await bench.client({ ...mine, username: 'b' });
        await first.ping();
      });

      it('does not lose it the messages that wait', async () => {
        const first = await bench.client(mine);
        await first.subscribe([TOPIC], 1);
        await first.drop();
        const sender = await bench.client({ username: 'a' });
        await sender.publish(TOPIC, 'kept', 1);
        await (await bench.client({ ...mine, username: 'b' })).drop();
        const back = await bench.client(mine);
        await sender.publish(TOPIC, 'fence', 1);
        await back.inbox.next('the fence', ({ text }) => text === 'fence');
        expect(back.inbox.all.map(({ text }) => text)).to.deep.equal(['kept', 'fence']);
      });
    });
  });

  describe('PUBLISH', () => {
    for (const qos of [0, 1, 2] as const) {
      it(`that is refused is dropped and acknowledged at QoS ${qos}, and the session stays`, async () => {
        const seen = new Inbox<string>();
        await open({
          plugins: [
            fenced({
              publishing: async (_, { topic }) => seen.push(`publishing ${topic}`),
              published: (_, { topic }) => seen.push(`published ${topic}`),
            }),
          ],
        });
        const [sender, reader] = [await bench.client(), await bench.client()];
        await reader.subscribe(['#'], 2);
        for (const topic of ['/closed', '$SYS/x/new/clients', '$x'])
          await sender.publish(topic, 'secret', qos, true);
        await sender.ping();
        await sender.publish('/open', 'fence', qos);
        await reader.message('/open');
        await seen.next('published', (event) => event === 'published /open');
        expect(reader.topics).to.deep.equal(['/open']);
        expect(seen.all).to.deep.equal(['publishing /open', 'published /open']);
        expect((bench.retained as MemoryRetained).messages.size).to.equal(0);
      });
    }

    it('that forges a $SYS message cuts nobody off', async () => {
      await open();
      const [sender, victim] = [await bench.client(), await bench.client({ clientId: 'victim' })];
      await sender.publish('$SYS/x/new/clients', 'victim', 1);
      await sender.publish('/fence', '', 1);
      await victim.ping();
    });

    it('is acknowledged only when every plugin has stored it', async () => {
      const begun = gate();
      const stored = gate();
      const publishing = (): Promise<void> => {
        begun.open();
        return stored.opened;
      };
      await open({ plugins: [permissive({ publishing })] });
      const sender = await bench.client();
      const acknowledged = sender.publish('/a', 'x', 1);
      await begun.opened;
      await sender.ping();
      expect(sender.answers.all.map(({ cmd }) => cmd)).not.to.include('puback');
      stored.open();
      await acknowledged;
    });

    it("tells the plugins of clients' messages and wills, not of the broker's own", async () => {
      const heard = new Inbox<string>();
      await open({ plugins: [permissive({ published: (_, { topic }) => heard.push(topic) })] });
      const reader = await bench.client();
      await reader.subscribe(['#']);
      await new Promise((resolve) =>
        bench.broker.publish(publishedByServer('/own'), () => resolve(undefined)),
      );
      await reader.message('/own');
      const leaving = await bench.client({ will: { topic: '/will', payload: Buffer.from('gone') } });
      await leaving.publish('/said', '', 1);
      await reader.message('/said');
      await leaving.drop();
      for (const topic of ['/said', '/will']) await heard.next(topic, (one) => one === topic);
      expect(heard.all).to.have.length(2);
    });

    for (const topic of ['/closed/will', '$SYS/x/new/clients', deep(151)]) {
      it(`by a will on ${topic.slice(0, 20)} is dropped, and its CONNECT accepted`, async () => {
        await open({ plugins: [fenced()] });
        const reader = await bench.client();
        await reader.subscribe(['#', '/closed/#']);
        const will = { topic, payload: Buffer.from('gone'), retain: true };
        await (await bench.client({ will })).drop();
        await (await bench.client()).publish('/open', '', 1);
        await reader.message('/open');
        expect(reader.topics).to.deep.equal(['/open']);
        expect((bench.retained as MemoryRetained).messages.size).to.equal(0);
      });
    }
  });

  describe('SUBSCRIBE', () => {
    it('grants what is allowed, refuses the rest with 128, and never opens $ topics', async () => {
      await open({ plugins: [fenced()] });
      const client = await bench.client();
      const filters = ['/open', '/closed', '$SYS/#', '$share/g/a', '#'];
      expect(await client.subscribe(filters, 1)).to.deep.equal([1, REFUSED, REFUSED, REFUSED, 1]);
    });

    it('brings nothing on $ topics, not even for wildcards, nor from the past', async () => {
      const retained = new MemoryRetained();
      retained.messages.set('$SYS/kept', { topic: '$SYS/kept', payload: Buffer.from('x'), qos: 0 });
      await open({ retained });
      const reader = await bench.client();
      await reader.subscribe(['#', '+/+'], 1);
      await new Promise((resolve) =>
        bench.broker.publish(publishedByServer('$SYS/now'), () => resolve(undefined)),
      );
      await (await bench.client()).publish('/fence', '', 1);
      await reader.message('/fence');
      expect(reader.topics).to.deep.equal(['/fence']);
    });

    it('asks about each message on its way out', async () => {
      const allowed = ({ topic }: Message) => (topic === '/secret' ? 'deny' : 'allow');
      await open({ plugins: [permissive({ mayReceive: (_, message) => allowed(message) })] });
      const [sender, reader] = [await bench.client(), await bench.client()];
      await sender.publish('/secret', 'kept', 1, true);
      await reader.subscribe(['#'], 1);
      await sender.publish('/secret', 'now', 1);
      await sender.publish('/fence', '', 1);
      await reader.message('/fence');
      expect(reader.topics).to.deep.equal(['/fence']);
    });

    it('with a refused filter does not bring it at the reconnect of a persistent session', async () => {
      await open({ plugins: [fenced()] });
      const sender = await bench.client();
      const session = { clientId: 'kept', clean: false };
      const reader = await bench.client(session);
      expect(await reader.subscribe(['/open', '/closed'], 1)).to.deep.equal([1, REFUSED]);
      await reader.drop();
      await bench.broker.publish(publishedByServer('/closed'), () => {});
      await sender.publish('/open', 'queued', 1);
      const back = await bench.client(session);
      await back.message('/open');
      await bench.broker.publish(publishedByServer('/closed'), () => {});
      await sender.publish('/open', 'now', 1);
      await back.message('/open');
      expect(back.topics).to.deep.equal(['/open', '/open']);
    });

    it('of a persistent session is asked for again at its reconnect', async () => {
      let closed = false;
      await open({ plugins: [permissive({ maySubscribe: () => (closed ? 'deny' : 'allow') })] });
      const session = { clientId: 'kept', clean: false };
      const reader = await bench.client(session);
      await reader.subscribe(['/a'], 0);
      await reader.drop();
      closed = true;
      const back = await bench.client(session);
      const sender = await bench.client();
      await sender.publish('/a');
      closed = false;
      await back.subscribe(['/fence']);
      await sender.publish('/fence');
      await back.message('/fence');
      expect(back.topics).to.deep.equal(['/fence']);
    });

    for (const levels of [21, 100, 101, 151, 30_000]) {
      it(`and PUBLISH with ${levels} levels harm nobody else`, async () => {
        await open();
        const other = await bench.client();
        for (const clean of [true, false]) {
          const filter = await bench.client({ clientId: `deep-${clean}`, clean });
          filter.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: deep(levels), qos: 1 }] });
          await Promise.race([filter.answers.next('suback', ({ cmd }) => cmd === 'suback'), filter.closed]);
        }
        const topic = await bench.client();
        topic.send(publishPacket(deep(levels), 'x', { qos: 1, messageId: 1 }));
        await Promise.race([topic.answers.next('puback', ({ cmd }) => cmd === 'puback'), topic.closed]);
        await other.subscribe(['/fence']);
        await other.publish('/fence');
        await other.message('/fence');
      });
    }
  });

  describe('UNSUBSCRIBE', () => {
    it('ends the messages, now and at the reconnect of a persistent session', async () => {
      await open();
      const sender = await bench.client();
      const session = { clientId: 'kept', clean: false };
      const reader = await bench.client(session);
      await reader.subscribe(['/a', '/b', '/fence'], 1);
      await reader.unsubscribe('/a', '/never');
      await sender.publish('/a', '', 1);
      await sender.publish('/fence', '', 1);
      await reader.message('/fence');
      await reader.drop();
      await sender.publish('/a', '', 1);
      await sender.publish('/b', '', 1);
      const back = await bench.client(session);
      await back.message('/b');
      expect([...reader.topics, ...back.topics]).to.deep.equal(['/fence', '/b']);
    });
  });

  describe('a plugin that fails', () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    it('closes no client and blocks no other plugin', async () => {
      const heard = new Inbox<string>();
      const failing: Plugin = {
        name: 'failing',
        publishing: async () => broken(),
        connected: broken,
        subscribed: broken,
        published: broken,
        disconnected: broken,
      };
      const well = permissive({
        connected: () => heard.push('connected'),
        subscribed: () => heard.push('subscribed'),
        publishing: async () => heard.push('publishing'),
        published: () => heard.push('published'),
        disconnected: () => heard.push('disconnected'),
      });
      await open({ plugins: [failing, well] });
      const client = await bench.client();
      await client.subscribe(['/a']);
      await client.publish('/a', 'x', 1);
      await client.message('/a');
      await client.ping();
      await heard.next('published', (event) => event === 'published');
      expect(heard.all).to.deep.equal(['connected', 'subscribed', 'publishing', 'published']);
      expect(bench.log.failedHooks).to.include.members(['failing.connected', 'failing.publishing']);
    });

    it('in judging messages on their way out keeps them back and closes no client', async () => {
      await open({ plugins: [permissive(), { name: 'failing', mayReceive: broken }] });
      const [sender, reader] = [await bench.client(), await bench.client()];
      await reader.subscribe(['#'], 1);
      await sender.publish('/a', '', 1);
      await sender.publish('/b', '', 0);
      await sender.ping();
      await reader.ping();
      expect(reader.topics).to.deep.equal([]);
    });
  });

  it('keeps the order of events when CONNECT, SUBSCRIBE and PUBLISH arrive in one chunk', async () => {
    const order: string[] = [];
    await open({
      plugins: [
        permissive({
          connected: () => void order.push('connected'),
          subscribed: (_, filters) => void order.push(`subscribed ${filters}`),
          publishing: async (_, { topic }) => void order.push(`publishing ${topic}`),
          published: (_, { topic }) => void order.push(`published ${topic}`),
          disconnected: () => void order.push('disconnected'),
        }),
      ],
    });
    const client = bench.socket();
    client.send(
      connectPacket(),
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '/a', qos: 0 }] },
      publishPacket('/b', 'check-in', { qos: 1, messageId: 2 }),
    );
    expect((await client.connack()).returnCode).to.equal(0);
    await client.ping();
    await client.publish('/a', 'echo', 0);
    await client.message('/a');
    expect(order[0]).to.equal('connected');
    expect(order).to.include.members(['subscribed /a', 'publishing /b', 'published /b']);
    expect(order.indexOf('publishing /b')).to.be.lessThan(order.indexOf('published /b'));
  });

  it("tells of a persistent session's restored subscriptions", async () => {
    const heard: string[] = [];
    await open({
      plugins: [
        permissive({
          connected: () => void heard.push('connected'),
          subscribed: ({ grantedQos }, filters) => void heard.push(`${filters} ${typeof grantedQos}`),
        }),
      ],
    });
    const session = { clientId: 'kept', clean: false };
    const reader = await bench.client(session);
    await reader.subscribe(['/a', '/b'], 1);
    await reader.drop();
    heard.length = 0;
    await bench.client(session);
    expect(heard).to.deep.equal(['connected', '/a,/b function']);
  });

  it('does not announce a client that left before it was registered', async () => {
    const heard: string[] = [];
    await open({
      plugins: [
        permissive({
          connected: () => void heard.push('connected'),
          disconnected: () => void heard.push('disconnected'),
        }),
      ],
    });
    // As slow as a persistence over a network may be.
    const { persistence } = bench.broker as unknown as {
      persistence: { delWill(c: unknown): Promise<unknown> };
    };
    const delWill = persistence.delWill.bind(persistence);
    const reached = gate();
    const slow = gate();
    persistence.delWill = async (client) => {
      reached.open();
      await slow.opened;
      return delWill(client);
    };
    const client = bench.socket();
    client.send(connectPacket());
    await reached.opened;
    await client.reset();
    slow.open();
    await (await bench.client()).ping();
    const gone = heard.filter((event) => event === 'disconnected').length;
    expect(heard.filter((event) => event === 'connected').length - gone).to.equal(1);
  });
});

const publishedByServer = (topic: string) => ({
  cmd: 'publish' as const,
  topic,
  payload: Buffer.from('by the server'),
  qos: 1 as const,
  retain: false,
  dup: false,
});
