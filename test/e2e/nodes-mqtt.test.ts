import { expect } from 'chai';
import { Cluster, LONG_MS } from '../support/cluster.js';
import { MqttPeer, type PeerOptions, type Received } from '../support/mqtt-peer.js';
import type { Account } from '../support/server-process.js';

const [A, B, C] = [0, 1, 2];

describe('MQTT across nodes', function () {
  this.timeout(LONG_MS);
  let cluster: Cluster;
  let peers: MqttPeer[];
  let other: Account;
  let names = 0;

  before(async () => {
    cluster = await Cluster.start(3);
    other = await cluster.node(B).addOwner('other');
  });
  after(() => cluster?.dispose());
  beforeEach(() => {
    peers = [];
  });
  afterEach(() => Promise.all(peers.map((peer) => peer.drop())));

  /** An owner who logs in on a node. */
  async function login(
    node: number,
    options: Partial<PeerOptions> = {},
    account = cluster.account,
  ): Promise<MqttPeer> {
    const peer = await MqttPeer.open({
      url: cluster.node(node).mqttUrl,
      username: account.owner,
      password: account.ownerKey,
      ...options,
    });
    peers.push(peer);
    return peer;
  }

  /** A topic that nobody has used. */
  function shared(): string {
    names += 1;
    return `/${cluster.account.owner}/shared/room/${names}`;
  }
  const on = (topic: string) => (item: Received) => item.topic === topic;

  it('a QoS 1 message reaches subscribers on every node, once, in order, with all kinds of wildcards', async () => {
    const topic = shared();
    const filters = [topic, topic.replace(/\d+$/, '+'), `/${cluster.account.owner}/shared/#`];
    const readers = await Promise.all(
      [A, B, C].flatMap((node) =>
        filters.map(async (filter) => {
          const reader = await login(node);
          expect(await reader.subscribe(filter, 1)).to.equal(1);
          return reader;
        }),
      ),
    );
    const writer = await login(A);
    for (let n = 0; n < 50; n += 1) await writer.publish(topic, `message ${n}`);
    await Promise.all(
      readers.map(({ inbox }) => inbox.next('the last', ({ payload }) => payload === 'message 49')),
    );
    for (const { inbox } of readers) {
      expect(inbox.all.map(({ payload }) => payload)).to.deep.equal(
        Array.from({ length: 50 }, (_, n) => `message ${n}`),
      );
      for (const { qos, retain } of inbox.all)
        expect({ qos, retain }).to.deep.equal({ qos: 1, retain: false });
    }
  });

  it('a device hears its application topic from an owner on another node, and the owner hears the device', async () => {
    const device = cluster.device(B);
    await device.connect();
    const topic = `${device.topic}/light`;
    await device.peer.subscribe(topic, 1);
    const owner = await login(C);
    await owner.subscribe(`${device.topic}/#`, 1);
    await owner.publish(topic, 'on');
    expect((await device.peer.inbox.next('the order', on(topic))).payload).to.equal('on');
    await device.peer.publish(`${device.topic}/light/is`, 'on');
    await owner.inbox.next('the answer', on(`${device.topic}/light/is`));
    await device.drop();
  });

  it('a retained message published on one node is there for new subscribers on the others, until it is cleared', async () => {
    const topic = shared();
    const writer = await login(A);
    await writer.publish(topic, 'kept', { retain: true });
    for (const node of [A, B, C]) {
      const reader = await login(node);
      await reader.subscribe(topic, 1);
      const message = await reader.inbox.next('the retained message', on(topic));
      expect(message).to.include({ payload: 'kept', retain: true });
    }
    await writer.publish(topic, '', { retain: true });
    const late = await login(C);
    await late.subscribe(topic, 1);
    const mark = shared();
    await late.subscribe(mark, 1);
    await late.publish(mark, 'here');
    await late.inbox.next('the mark', on(mark));
    expect(late.inbox.all.map(({ topic: each }) => each)).to.deep.equal([mark]);
  });

  it('the will of a client on one node reaches a subscriber on another', async () => {
    const topic = shared();
    const reader = await login(B);
    await reader.subscribe(topic, 1);
    const dying = await login(A, { will: { topic, payload: 'gone', qos: 1 } });
    await dying.drop();
    expect((await reader.inbox.next('the will', on(topic))).payload).to.equal('gone');
    const leaving = await login(A, { will: { topic, payload: 'gone too', qos: 1 } });
    await leaving.end();
    await reader.publish(topic, 'fence');
    expect((await reader.inbox.next('the fence', on(topic))).payload).to.equal('fence');
  });

  it('messages that waited for a persistent session are delivered when it comes back on another node, once', async () => {
    const topic = shared();
    const clientId = `kept-${topic.slice(-6)}`;
    const session = await login(B, { clientId, clean: false });
    await session.subscribe(topic, 1);
    await session.end();
    const [writer, reader] = [await login(A), await login(C)];
    await reader.subscribe(topic, 1);
    for (let n = 0; n < 20; n += 1) await writer.publish(topic, `waited ${n}`);
    // Aedes acknowledges first, then keeps it for who is away, then passes it on.
    await reader.inbox.next('the last', ({ payload }) => payload === 'waited 19');
    const back = await login(C, { clientId, clean: false });
    await back.inbox.next('the last', ({ payload }) => payload === 'waited 19');
    await writer.publish(topic, 'live');
    await back.inbox.next('the live one', ({ payload }) => payload === 'live');
    expect(back.inbox.all.map(({ payload }) => payload)).to.deep.equal([
      ...Array.from({ length: 20 }, (_, n) => `waited ${n}`),
      'live',
    ]);
    await back.end();
    const again = await login(A, { clientId, clean: false });
    await writer.publish(topic, 'next');
    await again.inbox.next('the next', on(topic));
    expect(again.inbox.all.map(({ payload }) => payload)).to.deep.equal(['next']);
  });

  it('what is unsubscribed from brings nothing more, though another client of the node still listens', async () => {
    const [one, two] = [shared(), shared()];
    const [reader, fellow] = [await login(A), await login(A)];
    for (const topic of [one, two]) await reader.subscribe(topic, 1);
    await fellow.subscribe(one, 1);
    await reader.client.unsubscribeAsync(one);
    const writer = await login(B);
    await writer.publish(one, 'too late');
    await writer.publish(two, 'in time');
    await fellow.inbox.next('the first', on(one));
    await reader.inbox.next('the second', on(two));
    expect(reader.inbox.all.map(({ topic }) => topic)).to.deep.equal([two]);
  });

  it('a client id that connects on another node takes the session over', async () => {
    const clientId = 'twice';
    const topic = shared();
    const first = await login(A, { clientId, clean: false });
    await first.subscribe(topic, 1);
    const second = await login(B, { clientId, clean: false });
    await first.closed;
    const writer = await login(C);
    await writer.publish(topic, 'once');
    expect((await second.inbox.next('the message', on(topic))).payload).to.equal('once');
    expect(second.isConnected).to.equal(true);
    // The same id of another owner is another client.
    const stranger = await login(C, { clientId }, other);
    await writer.publish(topic, 'twice');
    await second.inbox.next('the message', on(topic));
    expect([second.isConnected, stranger.isConnected]).to.deep.equal([true, true]);
  });

  it('rights hold across nodes: another owner, and another device, get nothing', async () => {
    const device = cluster.device(B);
    await device.connect();
    const stranger = await login(B, {}, other);
    for (const filter of ['#', '/#', '+/#', `/${cluster.account.owner}/#`, `/+/shared/#`])
      await stranger.subscribe(filter, 1);
    for (const filter of ['#', `/${cluster.account.owner}/#`]) await device.peer.subscribe(filter, 1);
    const writer = await login(A);
    const target = cluster.device(C);
    await target.start();
    await target.next('ok');
    const secret = `${target.topic}/secret`;
    const open = shared();
    for (const retain of [false, true]) {
      await writer.publish(secret, 'for one device', { retain });
      await writer.publish(open, 'for all of the owner', { retain });
    }
    await device.peer.inbox.next('what is shared', on(open));
    const strange = await login(C, {}, other);
    for (const filter of ['#', '/#', `/${cluster.account.owner}/#`]) await strange.subscribe(filter, 1);
    for (const reader of [stranger, strange]) {
      const mark = `/${other.owner}/shared/mark`;
      await reader.subscribe(mark, 1);
      await reader.publish(mark, 'mark');
      await reader.inbox.next('the mark', on(mark));
    }
    for (const reader of [stranger, strange]) {
      const foreign = reader.inbox.all.filter(({ topic }) => !topic.startsWith(`/${other.owner}/`));
      expect(foreign).to.deep.equal([]);
    }
    const heard = device.peer.inbox.all.map(({ topic }) => topic);
    expect(heard.filter((topic) => topic !== open)).to.deep.equal([]);
    await Promise.all([device.drop(), target.drop()]);
  });
});
