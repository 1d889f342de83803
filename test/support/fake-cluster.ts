import { expect } from 'chai';
import { Sessions } from '../../broker/sessions.js';
import { Peers } from '../../core/nodes/peers.js';
import { Whereabouts } from '../../core/nodes/whereabouts.js';
import { aSession, type FakeSession } from './a-session.js';
import { CollectingLog } from './collecting-log.js';
import { type FakeBus, FakeNetwork } from './fake-bus.js';
import { FakeClock } from './fake-clock.js';

const BEAT = 1000;
/** Enough to take a node for gone, to find it again, and to hear what was missed. */
const QUIET_BEATS = 10;

/** Something that happens to a cluster; nodes, devices and lines are numbers to choose by. */
export type Happening =
  | { readonly is: 'connect' | 'disconnect'; readonly node: number; readonly device: number }
  | { readonly is: 'deliver'; readonly line: number; readonly count: number }
  | { readonly is: 'lose'; readonly line: number }
  | { readonly is: 'stamp'; readonly node: number; readonly which: number }
  | { readonly is: 'cut'; readonly which: number }
  | { readonly is: 'down' | 'up' | 'die'; readonly node: number }
  | { readonly is: 'join' }
  | { readonly is: 'beat'; readonly count: number };

/** One connection of a device, as the world sees it. */
interface Line {
  readonly session: FakeSession;
  readonly node: Member;
  readonly device: string;
  /** It is still connected: nobody has ended it, and its node lives. */
  isOpen: boolean;
  /** The device itself has hung up, or its node is dead. */
  isOver: boolean;
  stamp: number;
}

interface Member {
  readonly name: string;
  readonly bus: FakeBus;
  readonly peers: Peers;
  readonly whereabouts: Whereabouts;
  readonly sessions: Sessions;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pick = <T>(from: readonly T[], at: number): T | undefined => from[at % Math.max(1, from.length)];

/** Of two on one node that were stamped alike the later is the newer. */
const isNewer = (a: Line, b: Line): boolean =>
  a.stamp > b.stamp || (a.stamp === b.stamp && a.node.name > b.node.name);

/** Nodes without a network, and their devices; a session that was cut ends when the test says so, as a socket's close comes late. */
export class Cluster {
  readonly #network = new FakeNetwork(false);
  readonly #clock = new FakeClock();
  readonly #members: Member[] = [];
  readonly #lines: Line[] = [];
  /** Sessions that were told to close and have not ended. */
  readonly #closing: Line[] = [];
  #joined = 0;

  constructor(nodes: number) {
    for (let i = 0; i < nodes; i++) this.#join();
  }

  async let(happens: Happening): Promise<void> {
    switch (happens.is) {
      case 'connect':
        this.#connect(pick(this.#members, happens.node), `d${happens.device}`);
        break;
      case 'disconnect': {
        const member = pick(this.#members, happens.node);
        const line = this.#lines.find(
          (one) => one.isOpen && one.node === member && one.device === `d${happens.device}`,
        );
        if (line) line.isOver = true;
        if (line) this.#end(line);
        break;
      }
      case 'deliver':
        for (let i = 0; i < happens.count; i++)
          this.#network.deliver(pick(this.#network.waiting, happens.line) ?? '');
        break;
      case 'lose':
        this.#network.lose(pick(this.#network.waiting, happens.line) ?? '');
        break;
      case 'stamp': {
        const { stamping = [] } = pick(this.#members, happens.node)?.bus ?? {};
        stamping.splice(happens.which % Math.max(1, stamping.length), 1)[0]?.();
        break;
      }
      case 'cut': {
        const line = pick(this.#closing, happens.which);
        if (line) this.#end(line);
        break;
      }
      case 'down':
        pick(this.#members, happens.node)?.bus.goDown();
        break;
      case 'up':
        pick(this.#members, happens.node)?.bus.comeBack();
        break;
      case 'die':
        if (this.#members.length > 1) this.#kill(pick(this.#members, happens.node));
        break;
      case 'join':
        if (this.#members.length < 4) this.#join();
        break;
      case 'beat':
        this.#clock.advance(happens.count * BEAT);
    }
    await settled();
  }

  /** All buses are up, nothing is lost, everything that waits happens, and some beats go by. */
  async quiet(): Promise<void> {
    for (const { bus } of this.#members) bus.comeBack();
    for (let beat = 0; beat < QUIET_BEATS; beat++) {
      for (let turn = 0; turn < 10; turn++) {
        this.#network.deliverAll();
        for (const { bus } of this.#members) for (const answer of bus.stamping?.splice(0) ?? []) answer();
        for (const line of [...this.#closing]) this.#end(line);
        await settled();
      }
      this.#clock.advance(BEAT);
    }
    this.#network.deliverAll();
  }

  expectAgreement(devices: number): void {
    for (let i = 0; i < devices; i++) {
      const device = `d${i}`;
      const all = this.#lines.filter((line) => line.device === device);
      const standing = all.filter(({ isOpen }) => isOpen);
      expect(standing.length, `connections of ${device}`).to.be.at.most(1);
      const stamped = all.filter(({ stamp }) => stamp > 0);
      const latest = stamped.reduce<Line | undefined>((a, b) => (a && isNewer(a, b) ? a : b), undefined);
      if (latest && !latest.isOver) expect(standing[0], `the latest of ${device}`).to.equal(latest);
      for (const member of this.#members) {
        const about = `${device} as ${member.name} sees it`;
        expect(member.sessions.isOnline(device), `${about}: online`).to.equal(standing.length === 1);
        const elsewhere = standing[0]?.node === member ? undefined : standing[0]?.node.name;
        expect(member.whereabouts.nodeOf(device), `${about}: where`).to.equal(elsewhere);
      }
    }
    for (const { peers, name } of this.#members)
      expect(peers.count, `others that ${name} knows`).to.equal(this.#members.length - 1);
  }

  #join(): void {
    const name = `n${++this.#joined}`;
    const bus = this.#network.join(name);
    bus.stamping = [];
    const peers = new Peers({ bus, clock: this.#clock, log: new CollectingLog(), beatMs: BEAT });
    const whereabouts = new Whereabouts(peers.facts, bus);
    const member = { name, bus, peers, whereabouts, sessions: new Sessions(peers.facts, whereabouts) };
    this.#members.push(member);
    const { facts } = peers;
    const set = facts.set.bind(facts);
    facts.set = (of, key, value) => {
      const line = this.#lines.findLast((one) => one.node === member && one.device === key);
      if (line && of === 'device') line.stamp = value;
      set(of, key, value);
    };
    peers.start({
      message: () => {},
      deviceElsewhere: (udid) => whereabouts.heardElsewhere(udid),
      lost: () => {},
      resumed: () => whereabouts.resume(),
    });
  }

  #kill(member: Member | undefined): void {
    if (!member) return;
    this.#network.kill(member.name);
    member.peers.close();
    this.#members.splice(this.#members.indexOf(member), 1);
    for (const line of this.#lines) if (line.node === member) [line.isOpen, line.isOver] = [false, true];
    for (const line of this.#closing.filter(({ node }) => node === member))
      this.#closing.splice(this.#closing.indexOf(line), 1);
  }

  #connect(node: Member | undefined, device: string): void {
    if (!node) return;
    const session = aSession({ scope: 'device', udid: device });
    const line: Line = { session, node, device, isOpen: true, isOver: false, stamp: 0 };
    session.onClose = () => {
      if (line.isOpen && !this.#closing.includes(line)) this.#closing.push(line);
    };
    // On one node the later takes the place of the earlier, stamped or not.
    for (const one of this.#lines) if (one.node === node && one.device === device) one.isOver = true;
    this.#lines.push(line);
    node.sessions.enter(session);
  }

  #end(line: Line): void {
    if (this.#closing.includes(line)) this.#closing.splice(this.#closing.indexOf(line), 1);
    line.isOpen = false;
    line.node.sessions.leave(line.session);
  }
}
