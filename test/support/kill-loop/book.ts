import { expect } from 'chai';
import { at, listAt } from '../json.js';
import type { OwnerApi } from '../owner-api.js';

const AFTER_YES = ['approved', 'offered', 'downloading', 'downloaded', 'installed', 'failed'];

interface Answer {
  readonly version: string;
  readonly yes: boolean;
  readonly isAcknowledged: boolean;
}

/** What was asked for and what was acknowledged, by the hand of those who asked; and what must be true because of it. */
export class Book {
  /** The bytes of every version that anybody has tried to publish. */
  readonly images = new Map<string, Buffer>();
  /** Ids by version; only what was acknowledged. */
  readonly published = new Map<string, string>();
  /** Versions whose withdrawal was asked for; it may have happened. */
  readonly withdrawing = new Set<string>();
  readonly withdrawn = new Set<string>();
  readonly keys = new Set<string>();
  /** Devices that were told that they are known. */
  readonly devices = new Set<string>();
  /** Whole bodies for each token. */
  readonly bodies = new Map<string, number>();
  /** What each device was offered that never had the owner's yes for it. */
  readonly trespasses: string[] = [];
  readonly #answers = new Map<string, Answer>();
  readonly #allowed = new Set<string>();
  acknowledged = 0;

  answering(udid: string, version: string, yes: boolean): void {
    this.#answers.set(udid, { version, yes, isAcknowledged: false });
    // It counts from here on: an answer may be taken without being acknowledged.
    if (yes) this.#allowed.add(`${udid} ${version}`);
  }

  answered(udid: string): void {
    const answer = this.#answers.get(udid);
    if (answer) this.#answers.set(udid, { ...answer, isAcknowledged: true });
    this.acknowledged += 1;
  }

  /** @param mayHave true for a device whose auto update is on */
  offered(udid: string, version: string, mayHave: boolean): void {
    if (!mayHave && !this.#allowed.has(`${udid} ${version}`)) this.trespasses.push(`${udid} ${version}`);
  }

  tookBody(token: string, version: string, body: Buffer): void {
    expect(this.images.get(version)?.equals(body), `the bytes of ${version}`).to.equal(true);
    this.bodies.set(token, (this.bodies.get(token) ?? 0) + 1);
    this.acknowledged += 1;
  }

  /** Holds everything against what a server says that has just been started anew. */
  async check(api: OwnerApi): Promise<void> {
    expect(this.trespasses, 'offered without a yes').to.deep.equal([]);
    const twice = [...this.bodies].filter(([, count]) => count > 1);
    expect(twice, 'tokens for which several whole bodies came').to.deep.equal([]);
    await this.#checkFirmware(api);
    const keys = listAt((await api.call('GET', '/keys')).body, 'keys').map((key) => at(key, 'alias'));
    expect(keys, 'keys that were made').to.include.members([...this.keys]);
    for (const udid of this.devices) await this.#checkDevice(api, udid);
    // They are about what was newest; the next publication makes them moot.
    this.#answers.clear();
  }

  async #checkFirmware(api: OwnerApi): Promise<void> {
    const { body } = await api.call('GET', '/firmware');
    const listed = new Map(listAt(body, 'firmware').map((item) => [at(item, 'version'), at(item, 'id')]));
    for (const [version, id] of this.published)
      if (!this.withdrawing.has(version)) expect(listed.get(version), `published ${version}`).to.equal(id);
    for (const version of this.withdrawn)
      expect(listed.has(version), `${version} was withdrawn`).to.equal(false);
    for (const version of listed.keys()) expect(this.images.has(String(version))).to.equal(true);
  }

  async #checkDevice(api: OwnerApi, udid: string): Promise<void> {
    const device = await api.device(udid);
    const answer = this.#answers.get(udid);
    if (!answer?.isAcknowledged) return;
    const { version, yes } = answer;
    const [state, about] = [at(device, 'update.state'), at(device, 'update.version')];
    expect(about, `what ${udid} was answered about`).to.equal(version);
    expect(state, `${udid} after ${yes ? 'yes' : 'no'} to ${version}`).to.be.oneOf(
      yes ? AFTER_YES : ['declined'],
    );
  }
}
