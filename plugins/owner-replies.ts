import type { Message, Plugin, Session } from '../broker/plugin.js';
import { readReply } from '../core/notice.js';
import type { Announcer } from '../core/services/announcer.js';
import type { Consent } from '../core/services/consent.js';
import { readTopic } from '../core/topics.js';

/** Takes owners' answers to notices (wire.md 5). */
export class OwnerReplies implements Plugin {
  readonly name = 'owner-replies';
  readonly #consent: Consent;
  readonly #announcer: Announcer;
  /** Questions that were answered and whose device has not been looked at yet. */
  readonly #answered = new Set<string>();

  constructor(consent: Consent, announcer: Announcer) {
    this.#consent = consent;
    this.#announcer = announcer;
  }

  /** Stored before the owner's client gets its PUBACK: Aedes acknowledges before it publishes. */
  async publishing(session: Session, { topic, payload }: Message): Promise<void> {
    const meaning = readTopic(topic);
    if (meaning.kind !== 'reply') return;
    const answer = readReply(payload, meaning.nid);
    if (answer && (await this.#consent.answer(session.identity.owner, meaning.nid, answer))) {
      this.#answered.add(meaning.nid);
    }
  }

  /** The device hears of it right after. */
  async published(_session: Session, { topic }: Message): Promise<void> {
    const meaning = readTopic(topic);
    if (meaning.kind === 'reply' && this.#answered.delete(meaning.nid))
      await this.#announcer.reconsider(meaning.nid);
  }
}
