import type { Principal } from '../core/account.js';
import type { Presence } from '../core/ports.js';
import type { Session } from './plugin.js';

const keyOf = ({ owner, keyId }: Pick<Principal, 'owner' | 'keyId'>): string => `${owner}/${keyId}`;

/** The sessions that are open on this broker. */
export class Sessions implements Presence {
  readonly #all = new Set<Session>();
  readonly #byDevice = new Map<string, Session>();
  /** Keys revoked since the start: a session may still be on its way in with one. */
  readonly #revoked = new Set<string>();
  /** Owner -> the sessions that may be listening to what is told to this owner. */
  readonly #listeners = new Map<string, Set<string>>();

  /** Takes in a session; called again when it has learnt its UDID. A second session with one UDID cuts the first. */
  enter(session: Session): void {
    if (this.#revoked.has(keyOf(session.identity))) {
      session.close();
      return;
    }
    this.#all.add(session);
    this.#listen(session);
    const { udid } = session.identity;
    if (udid === undefined) return;
    const older = this.#byDevice.get(udid);
    this.#byDevice.set(udid, session);
    if (older !== session) older?.close();
  }

  /** Forgets a session. False if another session of the same device has taken its place. */
  leave(session: Session): boolean {
    this.#all.delete(session);
    this.#unlisten(session);
    const { udid } = session.identity;
    if (udid === undefined) return true;
    if (this.#byDevice.get(udid) !== session) return false;
    return this.#byDevice.delete(udid);
  }

  isOnline(udid: string): boolean {
    return this.#byDevice.has(udid);
  }

  /** True if anybody may hear what is told to this owner, now or when they come back. */
  isHeard(owner: string): boolean {
    return this.#listeners.has(owner);
  }

  #listen({ identity: { owner, scope }, clientId }: Session): void {
    if (scope !== 'owner') return;
    const listeners = this.#listeners.get(owner) ?? new Set();
    this.#listeners.set(owner, listeners.add(clientId));
  }

  /** A session that the broker keeps messages for goes on listening while it is away. */
  #unlisten({ identity: { owner }, clientId, persistent }: Session): void {
    const listeners = this.#listeners.get(owner);
    if (!listeners || persistent) return;
    listeners.delete(clientId);
    if (listeners.size === 0) this.#listeners.delete(owner);
  }

  /** Cuts every session opened with this key. */
  cutKey(owner: string, keyId: string): void {
    const key = keyOf({ owner, keyId });
    this.#revoked.add(key);
    for (const session of this.#all) {
      if (keyOf(session.identity) === key) session.close();
    }
  }

  /** Cuts the session of this device. */
  cutDevice(udid: string): void {
    this.#byDevice.get(udid)?.close();
  }
}
