import type { Principal } from '../core/account.js';
import type { Connections } from '../core/nodes/membership.js';
import { type Peers, STANDING } from '../core/nodes/peers.js';
import type { Whereabouts } from '../core/nodes/whereabouts.js';
import type { Presence } from '../core/ports.js';
import type { Session } from './plugin.js';

const keyOf = ({ owner, keyId }: Pick<Principal, 'owner' | 'keyId'>): string => `${owner}/${keyId}`;

/** A key, and when it ends. */
interface Ending {
  readonly owner: string;
  readonly keyId: string;
  readonly at: number;
}

/** Who may hear what is told to an owner. */
interface Listeners {
  readonly sessions: Set<Session>;
  /** The ids of the clients that messages are kept for, whether or not they are here. */
  readonly standing: Set<string>;
}

/** A device may come with an owner key: it hears nothing of what is told to the owner. */
const isOwner = ({ identity }: Session): boolean => identity.scope === 'owner' && identity.udid === undefined;

/** The sessions that are open on this broker, and what other nodes say of theirs. */
export class Sessions implements Presence, Connections {
  readonly #facts: Peers['facts'];
  readonly #whereabouts: Whereabouts;
  readonly #all = new Set<Session>();
  readonly #byDevice = new Map<string, Session>();
  /** Keys revoked since the start: a session may still be on its way in with one. */
  readonly #revoked = new Set<string>();
  /** When keys end that sessions were opened with, ms since the epoch. */
  readonly #ends = new Map<string, Ending>();
  /** Owner -> who may hear what is told to this owner. */
  readonly #listeners = new Map<string, Listeners>();

  constructor(facts: Peers['facts'], whereabouts: Whereabouts) {
    this.#facts = facts;
    this.#whereabouts = whereabouts;
  }

  /** Every session, in no order. */
  all(): readonly Session[] {
    return [...this.#all];
  }

  /** How many devices are here. */
  get devices(): number {
    return this.#byDevice.size;
  }

  /** How many owners have a session of their own here. */
  get owners(): number {
    return [...this.#listeners.values()].filter(({ sessions }) => sessions.size > 0).length;
  }

  /** Takes in a session; called again when it has learnt its UDID. A second session with one UDID cuts the first. */
  enter(session: Session): void {
    if (this.#revoked.has(keyOf(session.identity))) {
      session.close();
      return;
    }
    this.#all.add(session);
    const { owner, udid, keyId, expiresAt } = session.identity;
    if (expiresAt !== undefined) this.keyEnds(owner, keyId, expiresAt);
    if (isOwner(session))
      this.#listen(owner, ({ sessions, standing }) => {
        sessions.add(session);
        // Who comes with a clean session gives up what was kept.
        if (session.persistent) standing.add(session.clientId);
        else standing.delete(session.clientId);
      });
    if (udid === undefined) return;
    const older = this.#byDevice.get(udid);
    if (older === session) return;
    this.#byDevice.set(udid, session);
    this.#whereabouts.came(udid, () => session.close());
    older?.close();
  }

  /** Forgets a session. False if another session of the same device, on whichever node, has taken its place. */
  leave(session: Session): boolean {
    this.#all.delete(session);
    const { owner, udid } = session.identity;
    if (isOwner(session)) this.#listen(owner, ({ sessions }) => sessions.delete(session));
    if (udid === undefined) return true;
    if (this.#byDevice.get(udid) !== session) return false;
    this.#byDevice.delete(udid);
    this.#whereabouts.left(udid);
    return !this.#whereabouts.isElsewhere(udid);
  }

  isOnline(udid: string): boolean {
    return this.#byDevice.has(udid) || this.#whereabouts.isElsewhere(udid);
  }

  /** True if anybody may hear what is told to this owner, now or when they come back. */
  isHeard(owner: string): boolean {
    return this.#listeners.has(owner) || this.#facts.elsewhere('owner', owner) !== undefined;
  }

  /** Messages are kept for this client of the owner's, who is not here now. */
  expect(owner: string, clientId: string): void {
    this.#listen(owner, ({ standing }) => standing.add(clientId));
  }

  #listen(owner: string, change: (listeners: Listeners) => void): void {
    const listeners = this.#listeners.get(owner) ?? { sessions: new Set(), standing: new Set() };
    change(listeners);
    if (listeners.sessions.size + listeners.standing.size === 0) {
      this.#listeners.delete(owner);
      this.#facts.unset('owner', owner);
      return;
    }
    this.#listeners.set(owner, listeners);
    const value = listeners.standing.size > 0 ? STANDING : 1;
    if (this.#facts.own('owner', owner) !== value) this.#facts.set('owner', owner, value);
  }

  /** Cuts every session opened with this key. */
  cutKey(owner: string, keyId: string): void {
    const key = keyOf({ owner, keyId });
    this.#revoked.add(key);
    for (const session of this.#all) {
      if (keyOf(session.identity) === key) session.close();
    }
  }

  keyEnds(owner: string, keyId: string, at: number): void {
    const key = keyOf({ owner, keyId });
    const before = this.#ends.get(key);
    if (!before || at < before.at) this.#ends.set(key, { owner, keyId, at });
  }

  /** Cuts the sessions whose keys have ended by now, ms since the epoch. To be called about once a second. */
  cutEnded(now: number): void {
    const ended = new Set<string>();
    for (const [key, { at }] of this.#ends) if (now >= at) ended.add(key);
    if (ended.size === 0) return;
    for (const key of ended) this.#ends.delete(key);
    for (const session of this.#all) if (ended.has(keyOf(session.identity))) session.close();
  }

  async cutUnknown(
    keysOf: (owner: string) => Promise<ReadonlyMap<string, number | undefined>>,
  ): Promise<void> {
    for (const owner of new Set([...this.#all].map(({ identity }) => identity.owner))) {
      const known = await keysOf(owner);
      for (const [keyId, at] of known) if (at !== undefined) this.keyEnds(owner, keyId, at);
      for (const session of this.#all)
        if (session.identity.owner === owner && !known.has(session.identity.keyId)) session.close();
    }
  }

  /** Cuts the session of this device. */
  cutDevice(udid: string): void {
    this.#byDevice.get(udid)?.close();
  }
}
