/** The application's own retained messages (wire.md 1: `.../status` and application topics "as sent"). */
export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
}

/** Where retained messages live. Our own `/<owner>/rtm/...` ones are not here: they follow from the device records. */
export interface RetainedStore {
  /** Replaces the topic's retained message; resolves once it is visible. */
  put(message: RetainedMessage): Promise<void>;
  /** Forgets the topic's retained message, if there is one. */
  remove(topic: string): Promise<void>;
  get(topic: string): RetainedMessage | undefined;
  /** Every message whose topic begins with this text, in the order of the topics, read as the caller goes on. */
  withPrefix(prefix: string): Iterable<RetainedMessage>;
}
