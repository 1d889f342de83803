import type { Message, Plugin, Session } from '../broker/plugin.js';
import type { Sessions } from '../broker/sessions.js';
import { readStatus } from '../core/checkin.js';
import type { JsonBound } from '../core/json-bound.js';
import type { Announcer } from '../core/services/announcer.js';
import { Conversation, type ConversationParts } from '../core/services/conversation.js';
import type { Conversations } from '../core/services/conversations.js';
import type { Registry } from '../core/services/registry.js';
import { deviceTopic, filterMatches, statusTopic } from '../core/topics.js';

/**
 * Watches which devices are there. CONNECT plus SUBSCRIBE to its topic makes a device available; a check-in only
 * adds facts (wire.md 2). What is then said to it is the conversation's business.
 */
export class Availability implements Plugin {
  readonly name = 'availability';
  readonly #sessions: Sessions;
  readonly #conversations: Conversations;
  readonly #registry: Registry;
  readonly #announcer: Announcer;
  readonly #parts: ConversationParts;
  readonly #json: JsonBound;
  readonly #open = new Map<Session, Conversation>();

  constructor(
    sessions: Sessions,
    conversations: Conversations,
    announcer: Announcer,
    parts: ConversationParts,
    json: JsonBound,
  ) {
    this.#sessions = sessions;
    this.#conversations = conversations;
    this.#announcer = announcer;
    this.#registry = parts.registry;
    this.#parts = parts;
    this.#json = json;
  }

  async connected(session: Session): Promise<void> {
    await this.#arrive(session);
  }

  async subscribed(session: Session, filters: readonly string[]): Promise<void> {
    const { udid } = session.identity;
    if (udid === undefined || filters.length === 0) return;
    // A device that told its UDID only now, by what it subscribed to, arrives now.
    const conversation = (await this.#arrive(session)) ?? this.#open.get(session);
    const topic = deviceTopic(session.identity.owner, udid);
    if (filters.some((filter) => filterMatches(filter, topic))) await conversation?.subscribed();
  }

  async published(session: Session, { topic, payload }: Message): Promise<void> {
    const { owner, udid } = session.identity;
    if (udid === undefined || topic !== statusTopic(owner, udid)) return;
    if (!this.#json.allows(payload)) return;
    const message = readStatus(payload);
    if (message.kind !== 'check-in') return;
    const conversation = this.#open.get(session);
    if (conversation) return conversation.checkedIn(message.facts);
    // Said and gone: the facts count, and its owner may have to be asked.
    await this.#registry.checkIn(udid, message.facts);
    await this.#announcer.reconsider(udid);
  }

  async disconnected(session: Session): Promise<void> {
    const conversation = this.#open.get(session);
    this.#open.delete(session);
    const wasCurrent = this.#sessions.leave(session);
    if (!conversation) return;
    this.#conversations.close(conversation);
    this.#parts.log.debug({ udid: conversation.udid, wasCurrent }, 'a device left');
    if (wasCurrent) await this.#registry.seen(conversation.udid, 'checkout');
  }

  /** Opens the conversation with a device, once. */
  async #arrive(session: Session): Promise<Conversation | undefined> {
    const { udid } = session.identity;
    if (this.#open.has(session)) return undefined;
    this.#sessions.enter(session);
    if (udid === undefined || !session.open) return undefined;
    const conversation = new Conversation(udid, (payloads) => say(session, udid, payloads), this.#parts);
    this.#open.set(session, conversation);
    this.#conversations.open(conversation);
    this.#parts.log.debug({ udid, clientId: session.clientId }, 'a device arrived');
    await this.#registry.seen(udid);
    return conversation;
  }
}

/** Sends payloads on the device's topic, one after the other, at the QoS it was granted. */
async function say(session: Session, udid: string, payloads: readonly string[]): Promise<boolean> {
  const topic = deviceTopic(session.identity.owner, udid);
  const qos = session.grantedQos(topic);
  if (qos === undefined) return false;
  for (const payload of payloads) {
    if (!session.open) return false;
    await session.send(topic, payload, qos === 0 ? 0 : 1);
  }
  return true;
}
