import type { Message, Plugin, Session } from '../broker/plugin.js';
import type { Manifests } from '../core/services/manifests.js';
import { manifestRequestTopic, manifestTopic } from '../core/topics.js';

/**
 * Gives a device that asks the manifest of its update (docs/signing.md). Who does not ask is told nothing. Both topics are
 * among the device's own, so the rights to them are those of every application topic (wire.md 1).
 */
export class ManifestRequests implements Plugin {
  readonly name = 'manifest-requests';
  readonly #manifests: Manifests;

  constructor(manifests: Manifests) {
    this.#manifests = manifests;
  }

  published(session: Session, { topic }: Message): Promise<void> | undefined {
    const { owner, udid } = session.identity;
    if (udid === undefined || topic !== manifestRequestTopic(owner, udid)) return undefined;
    return this.#answer(session, owner, udid);
  }

  /** An empty answer says that there is none: the device need not wait for it. */
  async #answer(session: Session, owner: string, udid: string): Promise<void> {
    const topic = manifestTopic(owner, udid);
    const qos = session.grantedQos(topic);
    if (qos === undefined) return;
    await session.send(topic, (await this.#manifests.of(owner, udid)) ?? '', qos === 0 ? 0 : 1);
  }
}
