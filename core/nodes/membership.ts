import { isStoreFailure } from '../errors.js';
import type { Clock, Lease, Log } from '../ports.js';
import type { Catalog } from '../services/catalog.js';
import type { Conversation } from '../services/conversation.js';
import type { Conversations } from '../services/conversations.js';
import type { Housekeeping } from '../services/housekeeping.js';
import type { Registry } from '../services/registry.js';
import type { Transfers } from '../services/transfers.js';
import type { Errands } from './errands.js';
import type { NodeMessage } from './messages.js';
import type { PeerEvents, Peers } from './peers.js';
import type { Whereabouts } from './whereabouts.js';

/**
 * After messages may have been lost, owners are told anew how things stand once so much time has passed, ms: by then the
 * other nodes are back too, and have told what they know.
 */
const RETELL_MS = 2000;

/** How many devices are looked at together after the store was away. */
const BATCH = 500;

/** While the store is away nobody can say who tells what a dead node left: for so long it is tried, and how often, ms. */
const HANDOVER_MS = 15_000;
const TRY_MS = 1000;

/** Anything but a failure that passes. */
function passing(error: unknown): void {
  if (!isStoreFailure(error)) throw error;
}

/** What this process does to its own connections when another node says so. */
export interface Connections {
  isOnline(udid: string): boolean;
  cutDevice(udid: string): void;
  cutKey(owner: string, keyId: string): void;
  /** Cuts the sessions opened with this key at this time, ms since the epoch. */
  keyEnds(owner: string, keyId: string, at: number): void;
  /** Messages are kept for this client of the owner's, who is nowhere connected now. */
  expect(owner: string, clientId: string): void;
  /** Cuts the sessions whose keys are no longer good, and notes when the others' will end. */
  cutUnknown(keysOf: (owner: string) => Promise<ReadonlyMap<string, number | undefined>>): Promise<void>;
}

interface Parts {
  readonly peers: Peers;
  readonly whereabouts: Whereabouts;
  readonly errands: Errands;
  readonly connections: Connections;
  readonly catalog: Catalog;
  readonly transfers: Transfers;
  readonly registry: Registry;
  readonly conversations: Conversations;
  readonly housekeeping: Housekeeping;
  readonly lease: Lease;
  readonly keysOf: (owner: string) => Promise<ReadonlyMap<string, number | undefined>>;
  /** Resolves once what is told to owners gets to all nodes, which may be a moment later than the store is back. */
  readonly canTell: () => Promise<unknown>;
  /** Tells the owners that are connected here how things stand now. */
  readonly retell: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a node does about the others: does as they say, takes care of what one that died left behind, and catches up. */
export class Membership implements PeerEvents {
  readonly #parts: Parts;
  #catchingUp = false;
  #again = false;
  #cancelRetelling: () => void = () => undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    this.#parts.peers.start(this);
  }

  message(from: string, message: NodeMessage): void {
    const { catalog, connections, transfers, errands, log } = this.#parts;
    switch (message.kind) {
      case 'catalog':
        catalog.forget(message.owner);
        break;
      case 'cut-device':
        connections.cutDevice(message.udid);
        break;
      case 'cut-key':
        connections.cutKey(message.owner, message.keyId);
        break;
      case 'key-ends':
        connections.keyEnds(message.owner, message.keyId, message.at);
        break;
      case 'cut-transfer':
        transfers.cutHere(message.udid);
        break;
      case 'look':
        void errands.look(from, message);
        break;
      case 'looked':
        errands.looked(message);
        break;
      default:
        // A newer version may say more.
        log.debug({ node: from, kind: message.kind }, 'a message of another node is not understood');
    }
  }

  deviceElsewhere(udid: string, isThere: boolean): void {
    const { whereabouts, registry, log } = this.#parts;
    if (isThere) whereabouts.heardElsewhere(udid);
    registry.moved(udid).catch((err: unknown) => log.warn({ err, udid }, 'where a device is is not told'));
  }

  lost(node: string, devices: readonly string[], standing: readonly string[]): void {
    const { errands, connections, clock } = this.#parts;
    errands.lost(node);
    for (const owner of standing) connections.expect(owner, node);
    this.#takeCare(node, devices, clock.now() + HANDOVER_MS);
  }

  resumed(): void {
    this.#parts.catalog.forget();
    this.#parts.whereabouts.resume();
    this.catchUp();
  }

  /**
   * Looks again at everything that may have been missed while the store or the bus was away: keys that were revoked, what
   * is owed to devices that are connected here, which devices came or went here, and, on one node for all, the devices
   * that are not connected.
   */
  catchUp(): void {
    this.#again = true;
    this.#cancelRetelling();
    this.#cancelRetelling = this.#parts.clock.after(RETELL_MS, () => this.#retell());
    if (this.#catchingUp) return;
    this.#catchingUp = true;
    this.#catchUp()
      .catch((err: unknown) => this.#parts.log.warn({ err }, 'catching up failed'))
      .finally(() => {
        this.#catchingUp = false;
        // It was asked for once more before this attempt failed.
        if (this.#again) this.catchUp();
      });
  }

  /** What was told to owners meanwhile may be lost, also what other nodes told: their pages would show it for ever. */
  #retell(): void {
    const { canTell, retell, log } = this.#parts;
    canTell()
      .then(retell)
      .catch((err: unknown) => log.warn({ err }, 'owners are not told anew how things stand'));
  }

  async #catchUp(): Promise<void> {
    const { catalog, connections, conversations, housekeeping, lease, registry, keysOf, canTell } =
      this.#parts;
    while (this.#again) {
      this.#again = false;
      catalog.forget();
      await connections.cutUnknown(keysOf);
      const open = conversations.all();
      for (let start = 0; start < open.length; start += BATCH)
        await Promise.all(open.slice(start, start + BATCH).map((conversation) => this.#resume(conversation)));
      await canTell();
      await registry.catchUp((udid) => connections.isOnline(udid));
      if (lease.isHeld()) await housekeeping.recover(({ udid }) => !connections.isOnline(udid));
    }
  }

  /**
   * Says what could not be said, and tells the device's owner that it is here: who was away may have been taken for gone.
   * One that cannot be looked at holds up no other.
   */
  async #resume(conversation: Conversation): Promise<void> {
    const { registry, log } = this.#parts;
    try {
      await conversation.resume();
      await registry.seen(conversation.udid);
    } catch (err) {
      if (isStoreFailure(err)) throw err;
      log.error({ err, udid: conversation.udid }, 'a device cannot be looked at');
    }
  }

  /** Tries until the store is there, or too much time has passed: how things stand is told anew then. */
  #takeCare(node: string, devices: readonly string[], until: number): void {
    const { clock, log } = this.#parts;
    this.#checkOut(node, devices).catch((err: unknown) => {
      if (isStoreFailure(err) && clock.now() < until)
        clock.after(TRY_MS, () => this.#takeCare(node, devices, until));
      else log.warn({ err, node }, 'what a node left is not told');
    });
  }

  /** The owners are told that devices are gone, unless they are back on another node. One of the nodes does it for all. */
  async #checkOut(node: string, devices: readonly string[]): Promise<void> {
    const { connections, peers, registry } = this.#parts;
    if (devices.length === 0 || !(await peers.claim(`lost:${node}`))) return;
    for (let start = 0; start < devices.length; start += BATCH) {
      const gone = devices.slice(start, start + BATCH).filter((udid) => !connections.isOnline(udid));
      // What cannot be told while the store is away is told when it is back: the registry remembers it.
      await Promise.all(gone.map((udid) => registry.seen(udid, 'checkout').catch(passing)));
    }
  }
}
