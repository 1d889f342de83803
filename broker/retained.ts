import type { Session } from './plugin.js';

/** The application's own retained messages (wire.md 1: `.../status` and application topics "as sent"). */
export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  /** It follows from a record. All that is ever said on its topic is of this kind, and the last word holds. */
  readonly derived?: true;
  /** Whose it is, where the topic names no owner. */
  readonly owner?: string | undefined;
}

/** Where retained messages live. Our own `/<owner>/rtm/...` ones are not here: they follow from the records. */
export interface RetainedStore {
  /** Replaces the topic's retained message; resolves once it is visible. */
  put(message: RetainedMessage): Promise<void>;
  /** Forgets the topic's retained message, if there is one. */
  remove(topic: string): Promise<void>;
  /** No promise where there is nothing to wait for: every SUBSCRIBE comes here. */
  get(topic: string): RetainedMessage | undefined | Promise<RetainedMessage | undefined>;
  /** How many messages have a topic that begins with this text. */
  count(prefix: string): Promise<number>;
  /**
   * Every message whose topic begins with this text, in the order of the topics, read as the caller goes on; a storage may
   * read a few ahead.
   */
  withPrefix(prefix: string): Iterable<RetainedMessage> | AsyncIterable<RetainedMessage>;
}

/** One granted filter of the session that is subscribing. */
export interface Granted {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
}

/** Who is subscribing, and to what. */
export interface Subscriber {
  readonly session: Session;
  readonly granted: readonly Granted[];
}

/** What a subscriber is sent from the past, and where an application's retained messages are kept. */
export interface RetainedSource {
  /** Keeps or, with an empty payload, forgets a retained message (MQTT 3.1.1, 3.3.1.3). */
  store(message: RetainedMessage): Promise<void>;
  /**
   * Every retained message that matches one of the filters, each once; rights are checked when it leaves. They come in
   * groups, as they are read; one is made when it is taken, so that it says how things stand then and waits nowhere.
   */
  matching(subscriber: Subscriber): AsyncIterable<Iterable<RetainedMessage>>;
  /** Those of them that are not the application's but the server's own, as things stand now; absent: there are none. */
  derived?(subscriber: Subscriber): AsyncIterable<Iterable<RetainedMessage>>;
}
