import { madeUpImage } from '../../../scripts/simulator/made-up-image.js';
import { PLATFORM } from '../device.js';
import { at, listAt, textAt } from '../json.js';
import { type OwnerApi, ownerApi } from '../owner-api.js';
import { OwnerPeer } from '../owner-peer.js';
import type { ServerProcess } from '../server-process.js';
import type { Book } from './book.js';
import type { KillSwitch } from './kill-switch.js';

const IMAGE_BYTES = 400_000;
/** So many versions are left when an older one is withdrawn. */
const KEPT = 2;

/** An owner who does everything that an owner is given an answer to, and writes down what was acknowledged. */
export class KilledOwner {
  constructor(
    private readonly book: Book,
    private readonly steps: KillSwitch,
    /** From 0 to below 1. */
    private readonly random: () => number,
  ) {}

  /**
   * Publishes, answers what is asked, withdraws what is old and makes a key. Rejects when the server is gone.
   * @param news told when a device may find something new
   */
  async work(
    server: ServerProcess,
    version: string,
    news: () => void,
    saysYes = this.#likelyYes,
  ): Promise<void> {
    const api = ownerApi(server);
    const peer = await OwnerPeer.open(server);
    try {
      await this.#publish(api, version);
      news();
      await this.#answer(api, peer, saysYes);
      news();
      await this.#withdraw(api);
      await this.#makeKey(api, `made with ${version}`);
    } finally {
      await peer.peer.drop();
    }
  }

  readonly #likelyYes = (): boolean => this.random() < 2 / 3;

  async #publish(api: OwnerApi, version: string): Promise<void> {
    const image = madeUpImage(IMAGE_BYTES, version);
    this.book.images.set(version, image);
    this.steps.passed('publish sent');
    const { id } = await api.publish(image, { version, platform: PLATFORM });
    this.book.published.set(version, id);
    this.#acknowledged('published');
  }

  /** Over MQTT and over HTTP in turns. */
  async #answer(api: OwnerApi, owner: OwnerPeer, saysYes: () => boolean): Promise<void> {
    const notices = listAt((await api.call('GET', '/notices')).body, 'notices');
    for (const [i, notice] of notices.entries()) {
      const [udid, version, yes] = [textAt(notice, 'udid'), textAt(notice, 'version'), saysYes()];
      this.book.answering(udid, version, yes);
      this.steps.passed('answer sent');
      if (i % 2 === 0) await owner.reply(udid, yes);
      else await this.#must(api.call('POST', `/notices/${udid}/reply`, { response: yes }), 200);
      this.book.answered(udid);
      this.steps.passed('answered');
    }
  }

  async #withdraw(api: OwnerApi): Promise<void> {
    const list = listAt((await api.call('GET', '/firmware')).body, 'firmware');
    for (const firmware of list.slice(0, -KEPT)) {
      const version = textAt(firmware, 'version');
      this.book.withdrawing.add(version);
      this.steps.passed('withdrawal sent');
      await this.#must(api.call('DELETE', `/firmware/${textAt(firmware, 'id')}`), 204);
      this.book.withdrawn.add(version);
      this.#acknowledged('withdrawn');
    }
  }

  async #makeKey(api: OwnerApi, alias: string): Promise<void> {
    this.steps.passed('key sent');
    const answer = await this.#must(api.call('POST', '/keys', { alias, scope: 'device' }), 201);
    this.book.keys.add(String(at(answer, 'key.alias')));
    this.#acknowledged('key made');
  }

  #acknowledged(step: 'published' | 'withdrawn' | 'key made'): void {
    this.book.acknowledged += 1;
    this.steps.passed(step);
  }

  async #must(answer: ReturnType<OwnerApi['call']>, status: number): Promise<unknown> {
    const { status: got, body } = await answer;
    if (got !== status) throw new Error(`${got} ${JSON.stringify(body)}`);
    return body;
  }
}
