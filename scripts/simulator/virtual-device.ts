import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { deviceTopic } from '../../core/topics.js';
import { Backoff } from './backoff.js';
import { checkInBody, type DeviceFacts } from './check-in.js';
import type { DeviceEvents, DeviceOptions } from './device-options.js';
import { httpCheckIn } from './http-check-in.js';
import { UpdaterError } from './inspection.js';
import { MqttSession } from './mqtt-session.js';
import { type Span, within } from './random.js';
import { addressOf } from './raw-http.js';
import { type Offer, payloadFault, readServerMessage } from './server-message.js';
import { download } from './updater.js';

const HEALTHY = 'Registered';
const REBOOT: Span = { min: 50, max: 250 };
const CHECK_IN_MS = 10_000;
const MIB = 1024 * 1024;
const SKETCH_BYTES = 300_000;

/**
 * One device as the THiNX library makes it (wire.md 2-4): it connects, subscribes, checks in and waits; told to update,
 * it drops its MQTT socket, downloads over HTTP/1.0, checks the image, restarts and checks in with the new version,
 * or with the old one and the updater's error as its status. Nothing it meets makes it throw: it says so and goes on.
 */
export class VirtualDevice extends EventEmitter<DeviceEvents> {
  readonly #options: DeviceOptions;
  readonly #end = new AbortController();
  readonly #backoff: Backoff;
  #facts: DeviceFacts;
  /** The version it restarted with, until the server has answered to it. */
  #unconfirmed: string | undefined;
  #life: Promise<void> | undefined;
  #isOnline = false;

  constructor(options: DeviceOptions) {
    super();
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    this.#facts = {
      mac: options.mac,
      udid: options.udid,
      owner: options.server.owner,
      alias: options.alias ?? 'unnamed',
      platform: options.platform,
      version: options.version,
      status: HEALTHY,
      autoUpdate: options.autoUpdate,
      fcid: options.fcid,
    };
  }

  /** Its UDID; undefined until it has registered. */
  get udid(): string | undefined {
    return this.#facts.udid;
  }

  /** The version it runs. */
  get version(): string {
    return this.#facts.version;
  }

  /** Switches it on. A second call does nothing. */
  start(): void {
    this.#life ??= this.#live(this.#end.signal);
  }

  /** Switches it off, as by its plug: the socket drops without DISCONNECT. Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#life;
  }

  async #live(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const offer = await this.#waitForOffer(signal);
        if (offer) await this.#update(offer, signal);
      } catch (error) {
        this.#setOnline(false);
        if (signal.aborted) return;
        this.emit('trouble', error instanceof Error ? error : new Error(String(error)));
        await this.#backoff.pause(signal);
      }
    }
  }

  /** Resolves with an offer, or undefined when it is time to check in again. */
  #waitForOffer(signal: AbortSignal): Promise<Offer | undefined> {
    if (this.#options.transport === 'http') return this.#pollOverHttp(signal);
    const { udid } = this.#facts;
    return udid === undefined ? this.#register(signal) : this.#listenOverMqtt(udid, signal);
  }

  async #register(signal: AbortSignal): Promise<Offer | undefined> {
    const offer = await this.#checkInOverHttp(signal);
    if (!offer && this.#facts.udid === undefined) throw new Error('The server gave no UDID.');
    return offer;
  }

  async #pollOverHttp(signal: AbortSignal): Promise<Offer | undefined> {
    const offer = await this.#checkInOverHttp(signal);
    this.#setOnline(true);
    if (!offer) await delay(this.#options.checkInMs ?? CHECK_IN_MS, undefined, { signal });
    return offer;
  }

  async #checkInOverHttp(signal: AbortSignal): Promise<Offer | undefined> {
    const { server } = this.#options;
    return this.#hear(
      await httpCheckIn(addressOf(server.httpUrl), server.deviceKey, this.#facts, signal),
      'http',
    );
  }

  async #listenOverMqtt(udid: string, signal: AbortSignal): Promise<Offer | undefined> {
    const { server, mac } = this.#options;
    const { owner } = this.#facts;
    const topic = deviceTopic(owner, udid);
    const session = await MqttSession.open({
      url: server.mqttUrl,
      mac,
      owner,
      udid,
      key: server.deviceKey,
      signal,
    });
    const closed = once(session, 'closed');
    const offered = new Promise<Offer>((resolve) => {
      session.on('message', (from, payload, retained) => {
        if (from !== topic) return;
        if (retained) this.emit('violation', `retained message on ${topic}`);
        const offer = this.#hear(payload, 'mqtt');
        if (offer) resolve(offer);
      });
    });
    session.checkIn(checkInBody(this.#facts));
    this.#setOnline(true);
    const offer = await Promise.race([offered, closed.then(() => undefined)]);
    session.drop();
    await closed;
    this.#setOnline(false);
    if (!offer) await this.#backoff.pause(signal);
    return offer;
  }

  /** Takes in what the server says; returns what there is to install. */
  #hear(payload: string, transport: 'mqtt' | 'http'): Offer | undefined {
    const fault = payloadFault(payload);
    if (fault !== undefined) this.emit('violation', fault);
    const message = readServerMessage(payload);
    if (message.kind === 'unknown') return undefined;
    if (message.kind === 'ok') this.#adopt(message);
    this.#confirm();
    if (message.kind === 'ok') this.emit('answered');
    if (message.kind !== 'offer' || message.udid !== this.#facts.udid) return undefined;
    const wantsFlag = transport === 'mqtt' || this.#options.fcid !== undefined;
    if (message.flagged !== wantsFlag) this.emit('violation', `offer in the wrong form over ${transport}`);
    this.emit('offered', message.offer.version);
    return message.offer;
  }

  /** Stores what the server calls it, as the library does; owner and UDID count from the next connection on. */
  #adopt(told: { readonly owner: string; readonly alias: string; readonly udid: string }): void {
    const { owner, alias, udid } = told;
    if (owner === '' || alias === '') this.emit('violation', 'OK without owner or alias');
    this.#facts = {
      ...this.#facts,
      owner: owner || 'null',
      alias: alias || 'null',
      udid: udid || this.#facts.udid,
    };
  }

  /** The server has taken note of the last check-in, and with it of the error or the version that it carried. */
  #confirm(): void {
    this.#backoff.reset();
    this.#facts = { ...this.#facts, status: HEALTHY };
    if (this.#unconfirmed !== undefined) this.emit('installed', this.#unconfirmed);
    this.#unconfirmed = undefined;
  }

  async #update(offer: Offer, signal: AbortSignal): Promise<void> {
    const { server, mac, platform, freeSpace = MIB, random, rebootMs = REBOOT } = this.#options;
    this.#setOnline(false);
    this.emit('progress', 0);
    try {
      await download(offer.path, {
        address: addressOf(server.httpUrl),
        platform,
        mac,
        freeSpace,
        sketchSize: SKETCH_BYTES,
        onProgress: (percent) => this.emit('progress', percent),
        signal,
      });
      this.#facts = { ...this.#facts, version: offer.version };
      this.#unconfirmed = offer.version;
    } catch (error) {
      if (!(error instanceof UpdaterError)) throw error;
      this.#facts = { ...this.#facts, status: error.message };
      this.emit('failed', error.message);
    }
    await delay(within(rebootMs, random), undefined, { signal });
  }

  #setOnline(online: boolean): void {
    if (this.#isOnline === online) return;
    this.#isOnline = online;
    this.emit(online ? 'online' : 'offline');
  }
}
