import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Commands } from '../../broker/nodes/commands.js';
import { Sessions } from '../../broker/sessions.js';
import type { EmbeddedStores } from '../../broker/storage/embedded/index.js';
import { FirmwireError } from '../../core/errors.js';
import { KeyedLock } from '../../core/keyed-lock.js';
import { Peers } from '../../core/nodes/peers.js';
import { Whereabouts } from '../../core/nodes/whereabouts.js';
import type { Lease } from '../../core/ports.js';
import type { KeyWatch } from '../../core/services/accounts.js';
import type { Conversation } from '../../core/services/conversation.js';
import { joinOthers } from '../../scripts/server/join.js';
import { aSession, type FakeSession } from './a-session.js';
import { UDID } from './builders.js';
import { CollectingLog } from './collecting-log.js';
import { World } from './domain.js';
import { type FakeBus, FakeNetwork } from './fake-bus.js';
import { FakeClock } from './fake-clock.js';

const BEAT = 1000;

/** A device that is connected to a node. */
export interface Connected {
  readonly session: FakeSession;
  readonly conversation: Conversation;
  readonly said: string[];
}

/** The state of a connection to a store, as a test says. */
class FakeLink implements Commands {
  state: Commands['state'] = 'open';
  readonly #listeners = new Set<(state: Commands['state']) => void>();

  onState(listener: (state: Commands['state']) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run<T>(): Promise<T> {
    throw new FirmwireError('store_unavailable');
  }

  become(state: Commands['state']): void {
    this.state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

/** One node: its domain, its sessions, and how it hangs together with the other. */
export class Node {
  /** What it holds of the lease. */
  readonly lease: Lease & { held: boolean };
  /** The store: away, every change and every look fails. */
  readonly link = new FakeLink();
  /** Called before a device's record is read, or changed. */
  before: (step: 'read' | 'write', udid: string) => void | Promise<void> = () => {};

  private constructor(
    readonly world: World,
    readonly bus: FakeBus,
    readonly peers: Peers,
    readonly sessions: Sessions,
    lease: Node['lease'],
  ) {
    this.lease = lease;
  }

  static async open(name: string, shared: Shared): Promise<Node> {
    const { network, clock, dir, lock } = shared;
    const bus = network.join(name);
    const log = new CollectingLog();
    const peers = new Peers({ bus, clock, log, beatMs: BEAT });
    const whereabouts = new Whereabouts(peers.facts, bus);
    const sessions = new Sessions(peers.facts, whereabouts);
    const lease = { held: false, isHeld: () => lease.held };
    const nodes = { id: name, peers, whereabouts, lock, lease, close: async () => peers.close() };
    let node: Node | undefined;
    const keyWatch: KeyWatch = {
      revoked: (owner, keyId) => {
        sessions.cutKey(owner, keyId);
        peers.tell({ kind: 'cut-key', owner, keyId });
      },
      ends: (owner, keyId, at) => {
        sessions.keyEnds(owner, keyId, at);
        peers.tell({ kind: 'key-ends', owner, keyId, at });
      },
    };
    const world = await World.open({
      joined: { dir, clock, nodes, keyWatch },
      presence: sessions,
      wrap: (stores) => failing(stores, () => node),
    });
    node = new Node(world, bus, peers, sessions, lease);
    joinOthers(node.link, {
      domain: world.domain,
      nodes,
      sessions,
      clock,
      log: world.log,
      begin: async () => {},
      canTell: async () => {},
      retell: async () => {},
    });
    return node;
  }

  /** A device connects, and what is said to it is kept. */
  connect(udid = UDID): Connected {
    const session = aSession({ scope: 'device', udid });
    this.sessions.enter(session);
    return { session, ...this.world.connection(udid) };
  }

  /** Its connection is gone, as plugins/availability.ts takes it. @returns whether it was told as gone */
  async disconnect({ session, conversation }: Connected): Promise<boolean> {
    const wasCurrent = this.sessions.leave(session);
    this.world.domain.conversations.close(conversation);
    if (wasCurrent) await this.world.domain.registry.seen(conversation.udid, 'checkout');
    return wasCurrent;
  }
}

/** Stores that fail while the node's link is away. */
function failing(stores: EmbeddedStores, node: () => Node | undefined): EmbeddedStores {
  const reached = async (step?: 'read' | 'write', udid = ''): Promise<void> => {
    const reaching = node();
    if (reaching && reaching.link.state !== 'open') throw new FirmwireError('store_unavailable');
    if (step) await reaching?.before(step, udid);
  };
  const { devices, accounts, firmware, tokens } = stores;
  return {
    ...stores,
    devices: {
      ...devices,
      get: async (udid) => reached('read', udid).then(() => devices.get(udid)),
      update: async (udid, ...rest) => reached('write', udid).then(() => devices.update(udid, ...rest)),
    },
    accounts: { ...accounts, listKeys: async (owner) => reached().then(() => accounts.listKeys(owner)) },
    firmware: { ...firmware, list: async (owner) => reached().then(() => firmware.list(owner)) },
    tokens: {
      ...tokens,
      issue: async (token, change) => reached('write', token.udid).then(() => tokens.issue(token, change)),
    },
  };
}

interface Shared {
  readonly network: FakeNetwork;
  readonly clock: FakeClock;
  readonly dir: string;
  readonly lock: KeyedLock;
}

/** Two nodes on one embedded store, each opened by itself, and nothing between them but what they say. */
export class TwoNodes {
  private constructor(
    readonly network: FakeNetwork,
    readonly clock: FakeClock,
    readonly a: Node,
    readonly b: Node,
  ) {}

  static async open(): Promise<TwoNodes> {
    const dir = await mkdtemp(join(tmpdir(), 'firmwire-nodes-'));
    const shared = { network: new FakeNetwork(), clock: new FakeClock(), dir, lock: new KeyedLock() };
    const [a, b] = [await Node.open('a', shared), await Node.open('b', shared)];
    return new TwoNodes(shared.network, shared.clock, a, b);
  }

  /** The process of a node ends without a word. */
  kill({ bus, peers }: Node): void {
    this.network.kill(bus.node);
    peers.close();
  }

  async close(): Promise<void> {
    await this.a.world.close();
    await this.b.world.close();
  }
}

/** Lets what was set going go on for a turn. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5000; Date.now() < end; await new Promise((resolve) => setImmediate(resolve)))
    if (await holds()) return;
  throw new Error(`${what}: not within 5 s`);
}
