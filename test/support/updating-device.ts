import { setTimeout as delay } from 'node:timers/promises';
import type { Device } from './device.js';
import { at, parsed } from './json.js';
import { header } from './raw-http.js';

const AGAIN_MS = 200;

/** A device that does as it is told until it runs a version, whatever happens on the way; and keeps the books of it. */
export class UpdatingDevice {
  /** Token -> how many whole bodies came for it. */
  readonly bodies = new Map<string, number>();
  /** True once an offer has come. */
  isTold = false;
  #told: () => void = () => undefined;
  /** Resolves with the first offer. */
  readonly told = new Promise<void>((resolve) => {
    this.#told = resolve;
  });
  #ends = false;
  /** What the updater met last; the next check-in tells. */
  #error: string | undefined;

  constructor(
    readonly device: Device,
    readonly wanted: string,
  ) {}

  /** CONNECT, SUBSCRIBE, check-in, and the answer to it. */
  async start(): Promise<void> {
    await this.device.start();
    await this.device.next('ok');
  }

  /** The same, and what the updater met if it failed; an answer may come, or an offer. */
  async #return(): Promise<void> {
    await this.device.subscribe();
    await this.device.checkIn(this.#error === undefined ? {} : { status: this.#error });
    this.#error = undefined;
  }

  /** Lives until it has reported the wanted version and heard that it was heard. */
  async live(): Promise<void> {
    while (!this.#ends) {
      const offer = await this.#offer().catch(() => undefined);
      if (offer) await this.#install(offer).catch(() => delay(AGAIN_MS));
      else await this.#connect();
    }
    await this.device.drop();
  }

  end(): void {
    this.#ends = true;
    void this.device.drop();
  }

  /** The next offer of this session; undefined once it has ended. */
  async #offer(): Promise<{ ott: string; url: string } | undefined> {
    const { peer, udid } = this.device;
    const message = await Promise.race([
      peer.inbox.next('an offer', ({ payload }) => payload.includes('"ott":'), 120_000),
      peer.closed.then(() => undefined),
    ]);
    const registration = message && at(parsed(message.payload), 'registration');
    if (at(registration, 'udid') !== udid) return undefined;
    this.isTold = true;
    this.#told();
    return { ott: String(at(registration, 'ott')), url: String(at(registration, 'url')) };
  }

  async #install({ ott, url }: { ott: string; url: string }): Promise<void> {
    // One TCP client for everything: the session ends when the download begins (wire.md 2).
    await this.device.drop();
    const answer = await this.device.download(url);
    this.bodies.set(ott, this.bodies.get(ott) ?? 0);
    const isWhole = answer.status === 200 && answer.body.length === Number(header(answer, 'content-length'));
    if (!isWhole) {
      this.#error = `HTTP error: ${answer.statusLine}`;
      return;
    }
    this.bodies.set(ott, (this.bodies.get(ott) ?? 0) + 1);
    this.device.version = this.wanted;
  }

  async #connect(): Promise<void> {
    try {
      await this.device.drop();
      await this.#return();
      if (this.device.version !== this.wanted) return;
      await this.device.peer.inbox.next('OK', ({ payload }) => payload.includes('"OK"'), 10_000);
      this.#ends = true;
    } catch {
      // The store is away, or the node.
      await delay(AGAIN_MS);
    }
  }
}
