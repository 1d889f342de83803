import { EventEmitter } from 'node:events';
import { connect, type MqttClient } from 'mqtt';
import { deviceTopic, statusTopic } from '../../core/topics.js';
import { WILL } from './check-in.js';

/** Who connects, to which broker (`mqtt://host:port`). The signal drops the connection at any time. */
export interface SessionOptions {
  readonly url: string;
  readonly mac: string;
  readonly owner: string;
  readonly udid: string;
  readonly key: string;
  readonly signal: AbortSignal;
}

interface SessionEvents {
  /** Something arrived. */
  message: [topic: string, payload: string, retained: boolean];
  /** The connection is gone, for whatever reason. */
  closed: [];
}

/** How long a broker may take to answer a CONNECT, ms. */
const CONNECT_MS = 15_000;

/** One MQTT connection of a device, from CONNECT to the loss of the socket (wire.md 2). */
export class MqttSession extends EventEmitter<SessionEvents> {
  readonly #client: MqttClient;
  readonly #options: SessionOptions;

  private constructor(client: MqttClient, options: SessionOptions) {
    super();
    this.#client = client;
    this.#options = options;
    client.on('message', (topic, payload, packet) =>
      this.emit('message', topic, payload.toString('utf8'), packet.retain),
    );
    client.on('close', () => this.emit('closed'));
  }

  /** Connects. Rejects if the broker refuses, cannot be reached or does not answer, or with the signal's reason. */
  static async open(options: SessionOptions): Promise<MqttSession> {
    const { mac, owner, udid, key } = options;
    const client = connect(options.url, {
      protocolVersion: 4,
      clientId: mac,
      username: udid,
      password: key,
      clean: true,
      keepalive: 60,
      will: { topic: statusTopic(owner, udid), payload: Buffer.from(WILL), qos: 0, retain: false },
      // The device itself decides when to come back, and as what.
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: CONNECT_MS,
    });
    const session = new MqttSession(client, options);
    // After the connection stands, an error is followed by `close`, which says all there is to say.
    client.on('error', () => {});
    const drop = () => session.drop();
    options.signal.addEventListener('abort', drop, { once: true });
    client.on('close', () => options.signal.removeEventListener('abort', drop));
    try {
      await connected(client, options.signal);
    } catch (error) {
      session.drop();
      throw error;
    }
    return session;
  }

  /** Subscribes to the device's topic and checks in, without waiting in between, as the library does. */
  checkIn(body: string): void {
    const { owner, udid } = this.#options;
    // The library looks at neither SUBACK nor PUBLISH results; a lost connection is told by `closed`.
    this.#client.subscribe(deviceTopic(owner, udid), { qos: 0 }, () => {});
    this.#client.publish(statusTopic(owner, udid), body, { qos: 0 }, () => {});
  }

  /** Drops the socket without DISCONNECT, so that the will fires. */
  drop(): void {
    this.#client.end(true);
  }
}

/** Resolves with CONNACK 0; a refusal comes as `error`, a socket that ends before any CONNACK as `close`. */
function connected(client: MqttClient, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => {
      signal.removeEventListener('abort', abort);
      reject(new Error('The broker closed the connection.'));
    });
  });
}
