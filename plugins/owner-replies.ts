import type { Message, Plugin, Session } from '../broker/plugin.js';
import { isStoreFailure } from '../core/errors.js';
import type { JsonBound } from '../core/json-bound.js';
import { readReply } from '../core/notice.js';
import type { Announcer } from '../core/services/announcer.js';
import type { Consent } from '../core/services/consent.js';
import { readTopic } from '../core/topics.js';

/** Takes owners' answers to notices (wire.md 5). */
export class OwnerReplies implements Plugin {
  readonly name = 'owner-replies';
  readonly #consent: Consent;
  readonly #announcer: Announcer;
  readonly #json: JsonBound;
  /** Questions that were answered and whose device has not been looked at yet. */
  readonly #answered = new Set<string>();

  constructor(consent: Consent, announcer: Announcer, json: JsonBound) {
    this.#consent = consent;
    this.#announcer = announcer;
    this.#json = json;
  }

  /** Stored before the owner's client gets its PUBACK: Aedes acknowledges before it publishes. */
  publishing(session: Session, { topic, payload }: Message): Promise<unknown> | undefined {
    const meaning = readTopic(topic);
    return meaning.kind === 'reply' ? this.#take(session, meaning.nid, payload) : undefined;
  }

  /** The device hears of it right after. */
  published(_session: Session, { topic }: Message): Promise<void> | undefined {
    const meaning = readTopic(topic);
    return meaning.kind === 'reply' ? this.#follow(meaning.nid) : undefined;
  }

  async #take(session: Session, nid: string, payload: Buffer): Promise<unknown> {
    const answer = this.#json.allows(payload) ? readReply(payload, nid) : undefined;
    if (!answer) return;
    try {
      if (await this.#consent.answer(session.identity.owner, nid, answer)) this.#answered.add(nid);
    } catch (error) {
      if (isStoreFailure(error)) return 'unstored';
      throw error;
    }
  }

  async #follow(nid: string): Promise<void> {
    if (this.#answered.delete(nid)) await this.#announcer.reconsider(nid);
  }
}
