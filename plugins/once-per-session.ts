import type { Message, Plugin, Session, Verdict } from '../broker/plugin.js';

const NOTICE = /^\/[^/]+\/rtm\/notices\/[^/]+$/;

/**
 * A notice reaches an owner exactly once per session (wire.md 5), although it may come from a persistent session's
 * queue, as a retained message and once more for an overlapping subscription.
 */
export class OncePerSession implements Plugin {
  readonly name = 'once-per-session';
  readonly #seen = new WeakMap<Session, Map<string, string>>();

  mayReceive(session: Session, { topic, payload }: Message): Verdict {
    if (!NOTICE.test(topic)) return undefined;
    const seen = this.#seen.get(session) ?? new Map<string, string>();
    this.#seen.set(session, seen);
    if (payload.length === 0) {
      seen.delete(topic);
      return undefined;
    }
    const text = payload.toString('utf8');
    if (seen.get(topic) === text) return 'deny';
    seen.set(topic, text);
    return undefined;
  }
}
