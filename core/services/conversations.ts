import type { Conversation } from './conversation.js';

/** The devices that are connected to this process over MQTT, one conversation each. */
export class Conversations {
  readonly #byDevice = new Map<string, Conversation>();

  /** Registers a conversation; one that this device already had is over. */
  open(conversation: Conversation): void {
    this.#byDevice.get(conversation.udid)?.close();
    this.#byDevice.set(conversation.udid, conversation);
  }

  /** Ends a conversation. False if another has taken its place. */
  close(conversation: Conversation): boolean {
    conversation.close();
    if (this.#byDevice.get(conversation.udid) !== conversation) return false;
    return this.#byDevice.delete(conversation.udid);
  }

  /** All that are open now. */
  all(): readonly Conversation[] {
    return [...this.#byDevice.values()];
  }

  get(udid: string): Conversation | undefined {
    return this.#byDevice.get(udid);
  }
}
