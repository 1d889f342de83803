import { expect } from 'chai';
import { subscriberConnection } from '../../../broker/nodes/connections.js';
import { RedisBus } from '../../../broker/nodes/redis-bus.js';
import type { RedisLink } from '../../../broker/storage/redis/link.js';
import type { NodeMessage } from '../../../core/nodes/messages.js';
import { BlackHole } from '../../support/black-hole.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { codeOf } from '../../support/domain.js';
import { Inbox } from '../../support/inbox.js';
import { aLink, isIn } from '../../support/redis-nodes.js';
import { RedisServer } from '../../support/redis-server.js';

const TRYING = { everyMs: 100, patienceMs: 200 };

interface Heard {
  readonly from: string;
  readonly message: NodeMessage;
}

/** A node on a bus, and what it heard. */
interface Node {
  readonly bus: RedisBus;
  readonly link: RedisLink;
  readonly heard: Inbox<Heard>;
  readonly resumed: Inbox<string>;
  readonly log: CollectingLog;
  close(): Promise<void>;
}

describe('the bus on Redis', () => {
  let server: RedisServer;
  let nodes: Node[];
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.dispose());
  beforeEach(() => {
    nodes = [];
  });
  afterEach(async () => {
    for (const node of nodes) await node.close();
  });

  const open = async (db = 0, port = server.port): Promise<Node> => {
    const link = await aLink(server, db);
    const subscriber = subscriberConnection({ host: '127.0.0.1', port, db }, 'test-bus', TRYING);
    const log = new CollectingLog();
    const bus = await RedisBus.open({ commands: link, subscriber, db, log });
    const [heard, resumed] = [new Inbox<Heard>(), new Inbox<string>()];
    bus.listen({
      message: (from, message) => heard.push({ from, message }),
      resumed: () => resumed.push('resumed'),
    });
    const close = async () => {
      subscriber.disconnect();
      await link.close();
    };
    const node = { bus, link, heard, resumed, log, close };
    nodes.push(node);
    return node;
  };
  const catalog = (owner: string | number): NodeMessage => ({ kind: 'catalog', owner: `${owner}` });
  /** Everything that a node heard up to now: what is sent after this arrives after it. */
  const fence = async (from: Node, to: Node): Promise<NodeMessage[]> => {
    from.bus.send(catalog('fence'));
    await to.heard.next(
      'the fence',
      ({ message }) => message.kind === 'catalog' && message.owner === 'fence',
    );
    return to.heard.all.map(({ message }) => message).slice(0, -1);
  };
  const send = async ({ bus }: Node, to: Node): Promise<void> => {
    bus.send(catalog('after'));
    await to.heard.next(
      'a message',
      ({ message }) => message.kind === 'catalog' && message.owner === 'after',
    );
  };
  const killSubscribers = () => server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');

  it('what one node says all others hear, in its order, and it does not hear itself', async () => {
    const [a, b, c] = [await open(), await open(), await open()];
    const said = Array.from({ length: 500 }, (_, i) => catalog(i));
    for (const message of said) a.bus.send(message);
    expect(await fence(a, b)).to.deep.equal(said);
    expect(await fence(a, c)).to.deep.include.members(said);
    expect(await fence(b, a)).to.deep.equal([]);
    expect(b.heard.all[0]?.from).to.equal(a.bus.node);
  });

  it('what is said to one is heard by that one, in order with what is said to all', async () => {
    const [a, b, c] = [await open(), await open(), await open()];
    for (let i = 0; i < 100; i++) a.bus.send(catalog(i), i % 2 === 0 ? b.bus.node : undefined);
    const owners = (messages: NodeMessage[]) =>
      messages.map((message) => message.kind === 'catalog' && message.owner);
    expect(owners(await fence(a, b))).to.deep.equal(Array.from({ length: 100 }, (_, i) => `${i}`));
    expect(owners(await fence(b, c)).filter((owner) => owner !== 'fence')).to.deep.equal(
      Array.from({ length: 50 }, (_, i) => `${2 * i + 1}`),
    );
  });

  it('every node has a name of its own', async () => {
    const [a, b] = [await open(), await open()];
    expect(a.bus.node).to.not.equal(b.bus.node);
  });

  it('nodes of another database of the same Redis hear nothing', async () => {
    const [a, b, other] = [await open(0), await open(0), await open(1)];
    a.bus.send(catalog('zero'));
    a.bus.send(catalog('zero'), other.bus.node);
    other.bus.send(catalog('one'));
    await fence(a, b);
    const witness = await open(1);
    await fence(witness, other);
    expect(other.heard.all).to.have.length(1);
    expect(b.heard.all).to.have.length(2);
  });

  it('what another program says there is noted, and harms nothing', async () => {
    const [a, b] = [await open(), await open()];
    await server.command('PUBLISH', 'nodes:0', 'no JSON');
    a.bus.send(catalog('after'));
    await b.heard.next('the message');
    expect(b.log.lines.filter(({ level }) => level === 'warn')).to.have.length(1);
  });

  it('stamps grow from one to the next, on whichever node', async () => {
    const both = [await open(), await open()];
    const stamps: number[] = [];
    for (let i = 0; i < 200; i++) stamps.push((await both[i % 2]?.bus.stamp()) ?? 0);
    expect(stamps).to.deep.equal([...new Set(stamps)].toSorted((a, b) => a - b));
  });

  it('of many stamps asked for at once none is smaller than one before', async () => {
    const { bus } = await open();
    const stamps = await Promise.all(Array.from({ length: 300 }, () => bus.stamp()));
    expect(stamps).to.deep.equal(stamps.toSorted((a, b) => a - b));
  });

  it('after the subscription was cut it hears again, and says that it may have missed something', async () => {
    const [a, b] = [await open(), await open()];
    await killSubscribers();
    await Promise.all([a.resumed.next('a'), b.resumed.next('b')]);
    expect([a.bus.isUp(), b.bus.isUp()]).to.deep.equal([true, true]);
    await send(a, b);
    await send(b, a);
  });

  it('is not up from the cut until it was said', async () => {
    const a = await open();
    const states: boolean[] = [];
    a.bus.listen({ message: () => {}, resumed: () => states.push(a.bus.isUp()) });
    const watch = setInterval(() => states.push(a.bus.isUp()), 1);
    await killSubscribers();
    const end = Date.now() + 3000;
    while (!(states.includes(false) && states.at(-1) === true) && Date.now() < end)
      await new Promise((resolve) => setImmediate(resolve));
    clearInterval(watch);
    expect(states).to.include(false);
    expect(states.at(-1)).to.equal(true);
  });

  it('after its subscription led nowhere any more it hears again, and says that it may have missed something', async () => {
    const hole = await BlackHole.before(server.port);
    try {
      const [a, b] = [await open(), await open(0, hole.port)];
      await send(a, b);
      hole.swallow();
      a.bus.send(catalog('lost'));
      await b.resumed.next('b');
      await send(a, b);
      expect(b.heard.all.map(({ message }) => message)).to.not.deep.include(catalog('lost'));
    } finally {
      await hole.close();
    }
  });

  it('while Redis stands still nothing is up and no stamp is given; then all of it is', async () => {
    const [a, b] = [await open(), await open()];
    server.pause();
    await Promise.all([isIn(a.link, 'away'), isIn(b.link, 'away'), codeOf(a.bus.stamp())]);
    expect([a.bus.isUp(), b.bus.isUp()]).to.deep.equal([false, false]);
    expect(await codeOf(a.bus.stamp())).to.equal('store_unavailable');
    a.bus.send(catalog('lost'));
    server.resume();
    await Promise.all([a.resumed.next('a'), b.resumed.next('b')]);
    expect(await a.bus.stamp()).to.be.a('number');
    await send(a, b);
    await send(b, a);
    expect(b.heard.all.map(({ message }) => message)).to.not.deep.include(catalog('lost'));
  });

  it('after Redis was killed and started again it hears, and stamps', async () => {
    const [a, b] = [await open(), await open()];
    const before = await a.bus.stamp();
    await server.command('SAVE');
    await server.kill();
    await isIn(a.link, 'away');
    expect(a.bus.isUp()).to.equal(false);
    expect(await codeOf(a.bus.stamp())).to.equal('store_unavailable');
    await server.start();
    await Promise.all([a.resumed.next('a'), b.resumed.next('b')]);
    await send(a, b);
    expect(await a.bus.stamp()).to.be.greaterThan(before);
  });
});
