import { expect } from 'chai';
import type { Message, Session } from '../../broker/plugin.js';
import { anOwner, Bench, permissive } from '../support/broker-bench.js';
import { OWNER, UDID } from '../support/builders.js';
import type { Connecting, WireClient } from '../support/wire-client.js';

const TOPIC = `/${OWNER}/${UDID}`;

describe('a session', () => {
  let bench: Bench;
  let sessions: Session[];
  beforeEach(async () => {
    sessions = [];
    bench = await Bench.open({
      plugins: [
        permissive({
          authenticate: async () => anOwner({ scope: 'device' }),
          connected: (session) => void sessions.push(session),
          // As the topic rights do: on a device topic only what is pushed now.
          mayReceive: (_, { topic, pushed }: Message) => (topic !== TOPIC || pushed ? 'allow' : 'deny'),
        }),
      ],
    });
  });
  afterEach(() => bench.close());

  const open = async (options: Connecting = {}): Promise<{ client: WireClient; session: Session }> => {
    const client = await bench.client(options);
    const session = sessions.at(-1);
    if (!session) throw new Error('nobody connected');
    return { client, session };
  };

  it('knows the best QoS granted for a topic, until it is unsubscribed', async () => {
    const { client, session } = await open();
    expect(session.grantedQos('/a/b')).to.equal(undefined);
    await client.subscribe(['/a/#'], 0);
    expect(session.grantedQos('/a/b')).to.equal(0);
    await client.subscribe(['/a/+'], 2);
    expect(session.grantedQos('/a/b')).to.equal(2);
    expect(session.grantedQos('/b')).to.equal(undefined);
    await client.unsubscribe('/a/+');
    expect(session.grantedQos('/a/b')).to.equal(0);
    await client.unsubscribe('/a/#');
    expect(session.grantedQos('/a/b')).to.equal(undefined);
  });

  it('knows what a persistent session subscribed to before it came back', async () => {
    const kept = { clientId: 'kept', clean: false };
    const before = await open(kept);
    await before.client.subscribe(['/a'], 1);
    await before.client.drop();
    const { session } = await open(kept);
    expect(session.persistent).to.equal(true);
    expect(session.grantedQos('/a')).to.equal(1);
  });

  it('of a device learns its UDID once', async () => {
    const { session } = await open();
    session.bind(UDID);
    session.bind('another');
    expect(session.identity).to.include({ udid: UDID, scope: 'device' });
  });

  for (const qos of [0, 1] as const) {
    it(`sends at QoS ${qos} to this session alone, in order`, async () => {
      const { client, session } = await open();
      const other = await bench.client();
      for (const each of [client, other]) await each.subscribe([TOPIC, '#'], 1);
      await Promise.all(['1', '2', '3'].map((text) => session.send(TOPIC, text, qos)));
      await other.publish('/fence', '', 1);
      for (const each of [client, other]) await each.message('/fence');
      const got = client.inbox.all.filter(({ topic }) => topic === TOPIC);
      expect(got.map(({ text }) => text)).to.deep.equal(['1', '2', '3']);
      expect(got.every((message) => message.qos === qos && !message.retain)).to.equal(true);
      expect(other.topics).to.deep.equal(['/fence']);
    });
  }

  it('does not bring at its reconnect what was sent before and not acknowledged', async () => {
    const kept = { clientId: 'kept', clean: false };
    const before = await open(kept);
    before.client.acknowledges = false;
    await before.client.subscribe([TOPIC, '/app'], 1);
    await before.session.send(TOPIC, 'token', 1);
    await before.client.message(TOPIC);
    await before.client.drop();
    const sender = await bench.client();
    await sender.publish('/app', 'queued', 1);
    const back = await open(kept);
    await back.client.message('/app');
    await sender.publish('/app', 'now', 1);
    await back.client.message('/app');
    expect(back.client.topics).to.deep.equal(['/app', '/app']);
  });

  it('that is gone is not open, and sending to it ends', async () => {
    const { client, session } = await open({ clean: false, clientId: 'kept' });
    expect(session.open).to.equal(true);
    await client.drop();
    expect(session.open).to.equal(false);
    for (const qos of [0, 1] as const) await session.send(TOPIC, 'late', qos).catch(() => {});
  });

  it('is cut by closing it, and its will is published', async () => {
    const reader = await bench.client();
    await reader.subscribe(['#']);
    const { client, session } = await open({ will: { topic: '/will', payload: Buffer.from('gone') } });
    session.close();
    await client.closed;
    expect((await reader.message('/will')).text).to.equal('gone');
  });
});
