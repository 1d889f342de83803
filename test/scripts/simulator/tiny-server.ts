import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { Aedes, type Client } from 'aedes';
import { noticePayload } from '../../../core/notice.js';
import { okPayload, updatePayload } from '../../../core/payload.js';
import { deviceTopic, eventsTopic, noticeTopic, readTopic } from '../../../core/topics.js';
import type { Server } from '../../../scripts/client/credentials.js';
import { FakeHttp, firmwareAnswer } from './fake-http.js';

const CREDENTIALS = { owner: 'a1'.repeat(32), ownerKey: 'o'.repeat(64), deviceKey: 'd'.repeat(64) };

/** As much of a server as a simulated fleet needs: it answers check-ins, offers one version, asks and hears the owner. */
export class TinyServer {
  readonly http = new FakeHttp();
  readonly #listener: NetServer;
  readonly #sockets = new Set<Socket>();
  readonly #versions = new Map<string, string>();
  readonly #autoUpdate = new Map<string, boolean>();
  #firmware: { readonly version: string; readonly at: number } | undefined;

  private constructor(readonly broker: Aedes) {
    this.#listener = createServer((socket) => {
      this.#sockets.add(socket);
      broker.handle(socket);
    });
    broker.on('publish', ({ topic, payload }, client) => {
      if (client) this.#hear(topic, payload.toString(), client).catch(() => {});
    });
  }

  /** Starts one; returns it and what clients need to know. */
  static async start(image: Buffer): Promise<{ tiny: TinyServer; server: Server }> {
    const tiny = new TinyServer(await Aedes.createBroker());
    tiny.http.answer = () => firmwareAnswer(image);
    tiny.#listener.listen(0, '127.0.0.1');
    await once(tiny.#listener, 'listening');
    const mqttUrl = `mqtt://127.0.0.1:${(tiny.#listener.address() as AddressInfo).port}`;
    return { tiny, server: { httpUrl: await tiny.http.listen(), mqttUrl, credentials: CREDENTIALS } };
  }

  /** From now on every device that has checked in or does so is offered this version, or its owner asked. */
  async publish(version: string): Promise<void> {
    this.#firmware = { version, at: Date.now() };
    await this.#event({ event: 'published', version });
    for (const udid of this.#versions.keys()) await this.#attend(udid);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await new Promise<void>((resolve) => this.broker.close(resolve));
    await this.http.close();
  }

  async #hear(topic: string, payload: string, client: Client): Promise<void> {
    const meaning = readTopic(topic);
    if (meaning.kind === 'status') {
      if (client.id.startsWith('owner')) return;
      const { registration } = JSON.parse(payload);
      if (!registration) return;
      this.#versions.set(meaning.udid, registration.version);
      this.#autoUpdate.set(meaning.udid, registration.auto_update === 'true');
      await this.#attend(meaning.udid);
    }
    if (meaning.kind !== 'reply') return;
    const { response } = JSON.parse(payload).notification;
    await this.#send(noticeTopic(CREDENTIALS.owner, meaning.nid), '', true);
    if (response === true) await this.#offer(meaning.nid);
    else await this.#event({ event: 'declined', udid: meaning.nid });
  }

  async #attend(udid: string): Promise<void> {
    const version = this.#firmware?.version;
    if (version === undefined || this.#versions.get(udid) === version) return this.#ok(udid);
    if (this.#autoUpdate.get(udid)) return this.#offer(udid);
    await this.#event({ event: 'asked', udid });
    const notice = {
      nid: udid,
      title: '',
      body: '',
      type: 'actionable',
      response_type: 'bool',
      udid,
      version,
      installed: '',
    } as const;
    await this.#send(noticeTopic(CREDENTIALS.owner, udid), noticePayload(notice), true);
  }

  #ok(udid: string): Promise<void> {
    const device = { owner: CREDENTIALS.owner, udid, alias: 'tiny', autoUpdate: true };
    return this.#send(deviceTopic(CREDENTIALS.owner, udid), okPayload(device, Date.now()));
  }

  #offer(udid: string): Promise<void> {
    const token = createHash('sha256').update(udid).digest('base64url');
    const payload = updatePayload(udid, this.#firmware?.version ?? '', token);
    return this.#send(deviceTopic(CREDENTIALS.owner, udid), payload);
  }

  #event(facts: {
    readonly event: string;
    readonly udid?: string;
    readonly version?: string;
  }): Promise<void> {
    return this.#send(
      eventsTopic(CREDENTIALS.owner),
      JSON.stringify({ ...facts, at: this.#firmware?.at ?? 0 }),
    );
  }

  #send(topic: string, payload: string, retain = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const packet = { cmd: 'publish', topic, payload, qos: 1, retain, dup: false } as const;
      this.broker.publish(packet, (error) => (error ? reject(error) : resolve()));
    });
  }
}
