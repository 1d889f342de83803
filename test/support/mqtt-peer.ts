import { randomBytes } from 'node:crypto';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { Inbox } from './inbox.js';
import { watchForSecrets } from './secrets.js';

export interface Received {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  readonly qos: number;
}

export interface PeerOptions {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly clientId?: string;
  readonly clean?: boolean;
  readonly will?: { topic: string; payload: string; qos?: 0 | 1; retain?: boolean };
  /** Headers of the WebSocket upgrade. */
  readonly headers?: Record<string, string>;
  /** The authority to trust, PEM, with mqtts and wss. */
  readonly ca?: string | undefined;
  /** The client's own certificate and key, PEM. */
  readonly pair?: { readonly cert: string; readonly key: string };
}

/** SUBACK's code for a refused filter. */
export const REFUSED = 128;

/** One MQTT connection and everything that came over it. It never reconnects by itself. */
export class MqttPeer {
  readonly inbox = new Inbox<Received>();
  readonly closed: Promise<void>;

  private constructor(readonly client: MqttClient) {
    client.on('message', (topic, payload, packet) => {
      const text = payload.toString('utf8');
      if (packet.retain) watchForSecrets(`a retained message on ${topic}`, text);
      this.inbox.push({ topic, payload: text, retain: packet.retain, qos: packet.qos });
    });
    client.on('error', () => {});
    this.closed = new Promise((resolve) => client.once('close', () => resolve()));
  }

  /** Resolves with CONNACK 0; rejects if the broker refuses or closes. */
  static async open(options: PeerOptions): Promise<MqttPeer> {
    const { url, username, password, will, headers } = options;
    const settings: IClientOptions = {
      protocolVersion: 4,
      clientId: options.clientId ?? randomBytes(6).toString('hex'),
      username,
      password,
      clean: options.clean ?? true,
      keepalive: 60,
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: 5000,
      ...(options.ca !== undefined && { ca: options.ca }),
      ...options.pair,
      ...(headers && { wsOptions: { headers } }),
      ...(will && {
        will: {
          topic: will.topic,
          payload: Buffer.from(will.payload),
          qos: will.qos ?? 0,
          retain: will.retain ?? false,
        },
      }),
    };
    const client = connect(url, settings);
    const peer = new MqttPeer(client);
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('error', reject);
      client.once('close', () => reject(new Error('closed before CONNACK')));
    }).catch((error) => {
      client.end(true);
      throw error;
    });
    return peer;
  }

  get isConnected(): boolean {
    return this.client.connected;
  }

  /** Resolves with the code of the SUBACK. */
  subscribe(filter: string, qos: 0 | 1 = 0): Promise<number> {
    return new Promise((resolve) => {
      this.client.subscribe(filter, { qos }, (error, granted, packet) => {
        const [code] = packet?.granted ?? [];
        if (typeof code === 'number') resolve(code);
        else resolve(error ? REFUSED : (granted?.[0]?.qos ?? REFUSED));
      });
    });
  }

  /** Resolves with the PUBACK, or at QoS 0 once it is on its way. */
  async publish(
    topic: string,
    payload: string | Buffer,
    options: { qos?: 0 | 1; retain?: boolean } = {},
  ): Promise<void> {
    const sent = this.client.publishAsync(topic, payload, {
      qos: options.qos ?? 1,
      retain: options.retain ?? false,
    });
    await Promise.race([
      sent,
      this.closed.then(() => Promise.reject(new Error(`closed while publishing to ${topic}`))),
    ]);
  }

  /** Cuts the socket without DISCONNECT, so that the will fires. */
  async drop(): Promise<void> {
    if (!this.client.connected) return;
    this.client.stream.destroy();
    await this.closed;
  }

  /** Leaves with DISCONNECT. */
  async end(): Promise<void> {
    if (!this.client.connected) return;
    this.client.end();
    await this.closed;
  }
}
