import type { Principal } from '../core/account.js';

/** What CONNECT told, before anybody believed it (MQTT 3.1.1, 3.1). */
export interface Credentials {
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
  /** The topic of the will, if there is one. */
  readonly willTopic: string | undefined;
  /** The connection it came on; below a WebSocket, the socket that carries it. */
  readonly connection: object;
}

/** Who a session belongs to, once a plugin has vouched for it. */
export interface Identity extends Principal {
  /** The device that speaks; undefined for an owner, and for a device that has told no UDID yet. */
  readonly udid: string | undefined;
}

/** One MQTT connection of a known client. */
export interface Session {
  readonly clientId: string;
  readonly identity: Identity;
  /** True if the broker keeps messages for it while it is away (MQTT 3.1.1, 3.1.2.4: clean session 0). */
  readonly persistent: boolean;
  /** False once the connection is gone. */
  readonly open: boolean;
  /** The filters it is subscribed to. */
  readonly filters: readonly string[];
  /** The QoS granted for the session's subscription to this topic, or undefined if it has none. */
  grantedQos(topic: string): 0 | 1 | 2 | undefined;
  /** Lets a device session without a UDID become that of this device; has no effect on any other. */
  bind(udid: string): void;
  /** Sends one message to this session alone, past all subscriptions. Resolves when it was handed to the socket. */
  send(topic: string, payload: string, qos: 0 | 1): Promise<void>;
  /** Cuts the connection; its will is published. */
  close(): void;
}

/** A message on its way. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** True for what the server itself sent to this very session, just now. */
  readonly pushed: boolean;
  /** Whose it is, on its way out, where the topic names no owner. Without one it is nobody's. */
  readonly owner?: string | undefined;
}

/** A plugin's word on a question. Silence is `undefined`: it neither allows nor forbids. */
export type Verdict = 'allow' | 'deny' | undefined;

/**
 * Why a CONNECT is refused, as a CONNACK code (MQTT 3.1.1, 3.2.2.3): 3 server unavailable, 4 bad user name or password,
 * 5 not authorized.
 */
export interface Refusal {
  readonly refused: 3 | 4 | 5;
  readonly reason: string;
}

/**
 * One behaviour of the broker. Having a method is the declaration; its tense tells its power:
 * `may...` and `authenticate` can refuse, `publishing` is awaited before the client gets its PUBACK and so is the
 * place to store what must not be lost, and the past tense can only react. Of several plugins deny wins, and
 * silence of all is not consent. A plugin that throws, rejects or hangs is logged by its name; it closes no client
 * and holds up no other plugin.
 */
export interface Plugin {
  readonly name: string;
  /** Who is this? The first plugin that answers decides. */
  authenticate?(credentials: Credentials): Promise<Identity | Refusal | undefined>;
  mayPublish?(session: Session, topic: string): Verdict | Promise<Verdict>;
  maySubscribe?(session: Session, filter: string): Verdict | Promise<Verdict>;
  /** Asked for every message that leaves, retained and queued ones too; so it answers at once. */
  mayReceive?(session: Session, message: Message): Verdict;
  /**
   * An allowed message came in and has not been acknowledged. Undefined: there is nothing to wait for. If it resolves to `unstored`, it
   * cannot be kept now and must not be acknowledged, so the connection is cut, and the client sends it again.
   */
  publishing?(session: Session, message: Message): Promise<unknown> | undefined;
  connected?(session: Session): void | Promise<void>;
  disconnected?(session: Session): void | Promise<void>;
  /** The SUBACK has been sent; these filters were granted. */
  subscribed?(session: Session, filters: readonly string[]): void | Promise<void>;
  /** A client's message, the will included, has been handed to its subscribers. Not called for the server's own. */
  published?(session: Session, message: Message): void | undefined | Promise<void>;
}
