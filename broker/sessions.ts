import type { Presence } from '../core/ports.js';
import type { Session } from './plugin.js';

/** The sessions that are open on this broker. */
export class Sessions implements Presence {
  readonly #all = new Set<Session>();
  readonly #byDevice = new Map<string, Session>();

  /** Takes in a session; called again when it has learnt its UDID. A second session with one UDID cuts the first. */
  enter(session: Session): void {
    this.#all.add(session);
    const { udid } = session.identity;
    if (udid === undefined) return;
    const older = this.#byDevice.get(udid);
    this.#byDevice.set(udid, session);
    if (older !== session) older?.close();
  }

  /** Forgets a session. False if another session of the same device has taken its place. */
  leave(session: Session): boolean {
    this.#all.delete(session);
    const { udid } = session.identity;
    if (udid === undefined) return true;
    if (this.#byDevice.get(udid) !== session) return false;
    return this.#byDevice.delete(udid);
  }

  isOnline(udid: string): boolean {
    return this.#byDevice.has(udid);
  }

  /** Cuts every session opened with this key. */
  cutKey(owner: string, keyId: string): void {
    for (const session of this.#all) {
      if (session.identity.owner === owner && session.identity.keyId === keyId) session.close();
    }
  }

  /** Cuts the session of this device. */
  cutDevice(udid: string): void {
    this.#byDevice.get(udid)?.close();
  }
}
