import { expect } from 'chai';
import type { NodeMessage } from '../../../core/nodes/messages.js';
import { Peers, STANDING } from '../../../core/nodes/peers.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { type FakeBus, FakeNetwork } from '../../support/fake-bus.js';
import { FakeClock } from '../../support/fake-clock.js';

const BEAT = 1000;

/** One node, and what happened to it. */
class Node {
  readonly bus: FakeBus;
  readonly peers: Peers;
  readonly events: unknown[] = [];

  constructor(name: string, network: FakeNetwork, clock: FakeClock) {
    this.bus = network.join(name);
    this.peers = new Peers({ bus: this.bus, clock, log: new CollectingLog(), beatMs: BEAT });
  }

  start(): void {
    this.peers.start({
      message: (from, message) => this.events.push([from, message]),
      deviceElsewhere: (udid, isThere) => this.events.push([isThere ? 'elsewhere' : 'gone', udid]),
      lost: (node, devices, standing) => this.events.push(['lost', node, devices, standing]),
      resumed: () => this.events.push('resumed'),
    });
  }

  whereIs(udid: string): string | undefined {
    return this.peers.facts.elsewhere('device', udid)?.node;
  }

  get lost(): unknown[] {
    return this.events.filter((event) => Array.isArray(event) && event[0] === 'lost');
  }
}

describe('peers', () => {
  let network: FakeNetwork;
  let clock: FakeClock;
  let [a, b, c]: Node[] = [];
  const nodes = () => ({ a: a as Node, b: b as Node, c: c as Node });
  beforeEach(() => {
    network = new FakeNetwork();
    clock = new FakeClock();
    [a, b, c] = ['a', 'b', 'c'].map((name) => new Node(name, network, clock));
  });
  const startAll = () => {
    const all = nodes();
    for (const node of Object.values(all)) node.start();
    return all;
  };

  it('know each other, and what each had to say, once they have started', () => {
    const all = nodes();
    all.a.peers.facts.set('device', 'd', 1);
    all.a.start();
    all.b.peers.facts.set('device', 'e', 2);
    all.b.start();
    all.c.start();
    for (const node of [all.a, all.b, all.c]) expect(node.peers.count).to.equal(2);
    expect(all.a.peers.has('b')).to.equal(true);
    expect(all.a.peers.has('a')).to.equal(false);
    for (const node of [all.b, all.c]) expect(node.whereIs('d')).to.equal('a');
    for (const node of [all.a, all.c]) expect(node.whereIs('e')).to.equal('b');
  });

  it('tell each other facts as they change, and where devices are', () => {
    const all = startAll();
    all.a.peers.facts.set('device', 'd', 1);
    all.a.peers.facts.set('owner', 'o', 2);
    expect(all.b.whereIs('d')).to.equal('a');
    expect(all.b.events).to.deep.equal([['elsewhere', 'd']]);
    all.a.peers.facts.unset('device', 'd');
    expect(all.b.whereIs('d')).to.equal(undefined);
    expect(all.b.events.slice(1)).to.deep.equal([['gone', 'd']]);
  });

  it('hand on what is not about themselves, to all or to one', () => {
    const all = startAll();
    const message: NodeMessage = { kind: 'catalog', owner: 'o' };
    all.a.peers.tell(message);
    all.a.peers.tell({ kind: 'cut-device', udid: 'd' }, 'c');
    expect(all.b.events).to.deep.equal([['a', message]]);
    expect(all.c.events).to.deep.equal([
      ['a', message],
      ['a', { kind: 'cut-device', udid: 'd' }],
    ]);
  });

  it('a node that ends is gone at once, and nobody hears of it again', () => {
    const all = startAll();
    all.a.peers.facts.set('device', 'd', 1);
    all.a.peers.facts.set('owner', 'waits', STANDING);
    all.a.peers.facts.set('owner', 'listens', 1);
    all.a.peers.close();
    all.a.peers.close();
    expect(all.b.lost).to.deep.equal([['lost', 'a', ['d'], ['waits']]]);
    expect([all.b.peers.count, all.b.whereIs('d')]).to.deep.equal([1, undefined]);
    const sent = network.heard.length;
    all.a.peers.facts.set('device', 'e', 2);
    all.b.peers.tell({ kind: 'catalog', owner: 'o' });
    expect(network.heard.slice(sent).map(({ from }) => from)).to.deep.equal(['b', 'b']);
    expect(all.a.events.filter((event) => Array.isArray(event) && event[0] === 'b')).to.deep.equal([]);
    expect(clock.pending).to.equal(2);
  });

  it('a node that is silent for more than three beats is gone, and with it what it said', () => {
    const all = startAll();
    all.a.peers.facts.set('device', 'd', 1);
    clock.advance(BEAT);
    network.kill('a');
    all.a.peers.close();
    clock.advance(3 * BEAT);
    expect([all.b.lost, all.b.whereIs('d')]).to.deep.equal([[], 'a']);
    clock.advance(BEAT);
    expect(all.b.lost).to.deep.equal([['lost', 'a', ['d'], []]]);
    expect([all.b.whereIs('d'), all.b.peers.count]).to.deep.equal([undefined, 1]);
    clock.advance(100 * BEAT);
    expect(all.b.lost, 'those who speak are never lost, and nobody twice').to.have.length(1);
  });

  it('while the bus is away nobody is gone, and then all are given three beats', () => {
    const all = startAll();
    for (const { bus } of [all.a, all.b, all.c]) bus.goDown();
    clock.advance(10 * BEAT);
    for (const { bus } of [all.a, all.b, all.c]) bus.comeBack();
    clock.advance(10 * BEAT);
    for (const node of [all.a, all.b, all.c]) {
      expect(node.lost).to.deep.equal([]);
      expect(node.events.filter((event) => event === 'resumed')).to.have.length(1);
    }
  });

  it('who is back gives the others three beats, though they may be away for longer than it was', () => {
    const all = startAll();
    for (const { bus } of [all.a, all.b]) bus.goDown();
    clock.advance(10 * BEAT);
    all.a.bus.comeBack();
    clock.advance(3 * BEAT);
    expect([all.a.lost, all.a.peers.has('b')]).to.deep.equal([[], true]);
    clock.advance(BEAT);
    expect(all.a.lost).to.have.length(1);
    all.b.bus.comeBack();
    expect([all.a.peers.has('b'), all.b.peers.has('a')]).to.deep.equal([true, true]);
  });

  it('who was away hears what it has missed, and tells what it could not tell', () => {
    const all = startAll();
    all.a.peers.facts.set('device', 'moved', 1);
    all.b.bus.goDown();
    all.a.peers.facts.unset('device', 'moved');
    all.a.peers.facts.set('device', 'new', 2);
    all.b.peers.facts.set('device', 'mine', 3);
    expect([all.b.whereIs('moved'), all.a.whereIs('mine')]).to.deep.equal(['a', undefined]);
    all.b.bus.comeBack();
    expect([all.b.whereIs('moved'), all.b.whereIs('new')]).to.deep.equal([undefined, 'a']);
    expect([all.a.whereIs('mine'), all.c.whereIs('mine')]).to.deep.equal(['b', 'b']);
  });

  it('who was taken for gone is known again, with all it says, as soon as it is heard', () => {
    const all = startAll();
    all.a.peers.facts.set('device', 'd', 1);
    all.b.peers.facts.set('device', 'e', 2);
    network.flows = false;
    for (let beat = 0; beat < 5; beat++) {
      clock.advance(BEAT);
      for (const line of network.waiting) if (line === 'b<a') network.lose(line);
      network.deliverAll();
    }
    expect(all.b.lost).to.deep.equal([['lost', 'a', ['d'], []]]);
    clock.advance(BEAT);
    network.deliverAll();
    expect([all.b.whereIs('d'), all.a.whereIs('e')]).to.deep.equal(['a', 'b']);
    expect(all.b.peers.count).to.equal(2);
  });

  for (const which of [0, 1, 2, 3, 4])
    it(`a telling whose part ${which} got lost is told again at the next beat, and then no more`, () => {
      const all = nodes();
      for (let i = 0; i < 4001; i++) all.a.peers.facts.set('device', `d${i}`, i + 1);
      network.flows = false;
      all.a.start();
      all.b.start();
      // What `a` says in answer to the greeting of `b`: three parts of devices, owners, transfers.
      for (const line of network.waiting) if (line === 'a<b') network.deliver(line);
      for (let part = 0; part < which; part++) network.deliver('b<a');
      network.lose('b<a');
      network.deliverAll();
      clock.advance(2 * BEAT);
      network.deliverAll();
      for (const i of [0, 1999, 2000, 3999, 4000]) expect(all.b.whereIs(`d${i}`), `d${i}`).to.equal('a');
      const sent = network.heard.length;
      clock.advance(BEAT);
      network.deliverAll();
      expect(network.heard.slice(sent).map(({ message }) => message.kind)).to.not.include('facts');
    });

  it('a fact that got lost is known after a beat', () => {
    const all = startAll();
    network.flows = false;
    all.a.peers.facts.set('device', 'd', 1);
    network.lose('b<a');
    all.a.peers.facts.set('device', 'e', 2);
    network.deliverAll();
    expect([all.b.whereIs('d'), all.b.whereIs('e'), all.c.whereIs('d')]).to.deep.equal([undefined, 'a', 'a']);
    clock.advance(BEAT);
    network.deliverAll();
    expect(all.b.whereIs('d')).to.equal('a');
  });

  it('while nothing is lost nobody asks again', () => {
    const all = startAll();
    for (let i = 0; i < 10; i++) {
      all.a.peers.facts.set('device', `d${i}`, i);
      all.b.peers.facts.set('transfer', `d${i}`, i);
      all.a.peers.facts.unset('device', `d${i - 1}`);
      clock.advance(BEAT);
    }
    const asked = network.heard.filter(({ message }) => message.kind === 'hello');
    // Each greets those that were there before it.
    expect(asked.map(({ from, to }) => `${from}>${to}`)).to.deep.equal([
      'a>b',
      'a>c',
      'b>a',
      'b>c',
      'c>a',
      'c>b',
    ]);
  });

  it('one that stood still itself takes nobody for gone, and says again all that it has to say', () => {
    const network = new FakeNetwork();
    const [clocks, names] = [
      [new FakeClock(), new FakeClock()],
      ['a', 'b'],
    ];
    const [sleeper, other] = names.map((name, i) => new Node(name, network, clocks[i] as FakeClock)) as [
      Node,
      Node,
    ];
    sleeper.start();
    other.start();
    sleeper.peers.facts.set('device', 'd', 1);
    clocks[0]?.sleep(10 * BEAT);
    clocks[1]?.advance(10 * BEAT);
    expect(other.lost).to.have.length(1);
    clocks[0]?.advance(0);
    expect(sleeper.lost).to.deep.equal([]);
    expect(sleeper.events).to.deep.equal(['resumed']);
    expect([other.peers.count, other.whereIs('d')]).to.deep.equal([1, 'a']);
  });

  it('hears nothing that it does not understand, and does not end by it', () => {
    const all = startAll();
    const strange = { kind: 'from the future' } as unknown as NodeMessage;
    all.a.bus.send(strange);
    expect(all.b.events).to.deep.equal([['a', strange]]);
  });
});
