import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { connectAsync, type MqttClient } from 'mqtt';
import { eventsTopic, noticeTopic } from '../../core/topics.js';
import type { Server } from '../client/credentials.js';
import { ClientError } from '../client/errors.js';
import type { NoticeResponse } from '../client/model.js';
import { type OwnerEvent, type Question, readOwnerEvent, readQuestion } from './owner-event.js';

interface OwnerEvents {
  event: [OwnerEvent];
  /** A question is open: now asked, or already open when the owner came. */
  question: [Question];
  /** A question is answered or moot. */
  cleared: [nid: string];
}

/** An owner at their MQTT client: sees events and questions, and answers (wire.md 5). Reconnects by itself. */
export class OwnerClient extends EventEmitter<OwnerEvents> {
  readonly #client: MqttClient;
  readonly #owner: string;

  private constructor(client: MqttClient, owner: string) {
    super();
    this.#client = client;
    this.#owner = owner;
    client.on('message', (topic, payload) => this.#hear(topic, payload));
    // Told again by `close`, after which the client comes back by itself.
    client.on('error', () => {});
  }

  /**
   * Logs in. `prepare` attaches listeners before anything is subscribed to, so that no retained question is missed;
   * resolves when both subscriptions stand.
   * @throws ClientError if the broker cannot be reached or refuses.
   */
  static async connect(server: Server, prepare: (owner: OwnerClient) => void): Promise<OwnerClient> {
    const { owner, ownerKey } = server.credentials;
    let client: MqttClient;
    try {
      client = await connectAsync(
        server.mqttUrl,
        {
          protocolVersion: 4,
          clientId: `owner-${randomBytes(6).toString('hex')}`,
          username: owner,
          password: ownerKey,
          clean: true,
          connectTimeout: 10_000,
        },
        false,
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message || error.name : String(error);
      throw new ClientError(`No MQTT session with ${server.mqttUrl}: ${reason}`, { cause: error });
    }
    const self = new OwnerClient(client, owner);
    prepare(self);
    await client.subscribeAsync([eventsTopic(owner), noticeTopic(owner, '+')], { qos: 1 });
    return self;
  }

  /** Answers a question; resolves when the broker has acknowledged it. */
  async reply(nid: string, response: NoticeResponse): Promise<void> {
    const type = response === 'later' ? 'string' : 'bool';
    const body = JSON.stringify({ notification: { nid, response_type: type, response } });
    await this.#client.publishAsync(`${noticeTopic(this.#owner, nid)}/reply`, body, { qos: 1 });
  }

  /** Logs out. */
  async close(): Promise<void> {
    // Without a connection there is nobody to say goodbye to.
    await this.#client.endAsync(!this.#client.connected);
  }

  #hear(topic: string, payload: Buffer): void {
    if (topic === eventsTopic(this.#owner)) {
      const event = readOwnerEvent(payload);
      if (event) this.emit('event', event);
      return;
    }
    const prefix = noticeTopic(this.#owner, '');
    if (!topic.startsWith(prefix)) return;
    if (payload.length === 0) {
      this.emit('cleared', topic.slice(prefix.length));
      return;
    }
    const question = readQuestion(payload);
    if (question) this.emit('question', question);
  }
}
