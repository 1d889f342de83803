import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MqttPeer } from './mqtt-peer.js';
import { type Payload, readPayload } from './payload.js';
import { get, post, type RawAnswer } from './raw-http.js';
import { secret } from './secrets.js';
import type { Account, ServerProcess } from './server-process.js';

export const PLATFORM = 'arduino:esp8266';
const WILL = '{ "status" : "disconnected" }';

/** A THiNX device as wire.md 2 describes it; its firmware is the test. */
export class Device {
  readonly mac = `5CCF7F${randomBytes(3).toString('hex').toUpperCase()}`;
  readonly udid: string = randomUUID();
  platform = PLATFORM;
  version: string | undefined = '1.0.0';
  /** The build's THINX_AUTO_UPDATE; builds that do not tell leave it undefined. */
  autoUpdate: boolean | undefined;
  #peer: MqttPeer | undefined;

  constructor(
    public server: Pick<ServerProcess, 'mqttUrl' | 'httpDoor' | 'ca'>,
    readonly account: Account,
  ) {}

  get topic(): string {
    return `/${this.account.owner}/${this.udid}`;
  }

  get status(): string {
    return `${this.topic}/status`;
  }

  /** The session of now. */
  get peer(): MqttPeer {
    if (!this.#peer) throw new Error('the device is not connected');
    return this.#peer;
  }

  body(change: Readonly<Record<string, string>> = {}): string {
    return JSON.stringify({
      registration: {
        mac: this.mac,
        ...(this.version !== undefined && { firmware: `my-app:${this.version}`, version: this.version }),
        commit: '0123456789012345678901234567890123456789',
        owner: this.account.owner,
        alias: 'unnamed',
        udid: this.udid,
        status: 'Registered',
        lat: '0.00',
        lon: '0.00',
        rssi: '-61',
        platform: this.platform,
        ...(this.autoUpdate !== undefined && { auto_update: String(this.autoUpdate) }),
        ...change,
      },
    });
  }

  /** CONNECT alone. */
  async connect(): Promise<MqttPeer> {
    this.#peer = await MqttPeer.open({
      url: this.server.mqttUrl,
      ca: this.server.ca,
      clientId: this.mac,
      username: this.udid,
      password: this.account.deviceKey,
      will: { topic: this.status, payload: WILL },
    });
    return this.#peer;
  }

  /** CONNECT and SUBSCRIBE, no check-in. */
  async subscribe(): Promise<void> {
    const peer = await this.connect();
    expect(await peer.subscribe(this.topic)).to.equal(0);
  }

  /** CONNECT, SUBSCRIBE, check-in, as the library does at every start. */
  async start(): Promise<void> {
    await this.subscribe();
    await this.checkIn();
  }

  checkIn(change?: Readonly<Record<string, string>>): Promise<void> {
    return this.peer.publish(this.status, this.body(change), { qos: 0 });
  }

  /** The next payload of one kind on the device's topic. */
  async next(kind: Payload['kind'], patienceMs?: number): Promise<Payload> {
    const message = await this.peer.inbox.next(
      `${kind} for the device`,
      ({ topic, payload }) => topic === this.topic && readPayload(payload).kind === kind,
      patienceMs,
    );
    expect(message.retain, 'retained on a device topic').to.equal(false);
    return readPayload(message.payload);
  }

  /** The one-time token of the next FIRMWARE_UPDATE. */
  async nextOffer(): Promise<{ ott: string; url: string; version: string }> {
    const { registration, flagged } = await this.next('update');
    expect(flagged).to.equal(true);
    expect(registration['udid']).to.equal(this.udid);
    const { ott, url, version } = registration;
    secret(String(ott));
    return { ott: String(ott), url: String(url), version: String(version) };
  }

  /** How many FIRMWARE_UPDATE this session has got. */
  get offers(): number {
    const payloads = this.peer.inbox.all.filter(({ topic }) => topic === this.topic);
    return payloads.filter(({ payload }) => readPayload(payload).kind === 'update').length;
  }

  register(change?: Readonly<Record<string, string>>): Promise<RawAnswer> {
    return post(this.server.httpDoor, '/device/register', this.body(change), this.account.deviceKey);
  }

  /** POST /device/firmware with flat fields. */
  fetchByPost(fields: Readonly<Record<string, unknown>> = {}): Promise<RawAnswer> {
    const body = JSON.stringify({
      mac: this.mac,
      udid: this.udid,
      owner: this.account.owner,
      alias: 'unnamed',
      ...fields,
    });
    return post(this.server.httpDoor, '/device/firmware', body, this.account.deviceKey);
  }

  download(url: string, headers?: Record<string, string>): Promise<RawAnswer> {
    return get(this.server.httpDoor, url, headers);
  }

  /**
   * Resolves once everything the server had sent to this session has arrived: it publishes to a topic of its own
   * and waits for it, behind all that was before it.
   */
  async fence(): Promise<void> {
    const topic = `${this.topic}/fence`;
    await this.peer.subscribe(topic);
    const mark = randomUUID();
    await this.peer.publish(topic, mark);
    await this.peer.inbox.next('the fence', ({ payload }) => payload === mark);
  }

  async drop(): Promise<void> {
    await this.#peer?.drop();
    this.#peer = undefined;
  }
}
