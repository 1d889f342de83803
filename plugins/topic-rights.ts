import type { Identity, Message, Plugin, Session, Verdict } from '../broker/plugin.js';
import { isStoreFailure } from '../core/errors.js';
import type { Registry } from '../core/services/registry.js';
import { filterReaches, isUdid, readTopic, type TopicMeaning } from '../core/topics.js';

const isDevice = ({ scope, udid }: Identity): boolean => scope === 'device' || udid !== undefined;

/** Who may write to a topic: the table of wire.md section 1. */
function mayWrite(identity: Identity, topic: TopicMeaning): boolean {
  if (topic.kind === 'other' || topic.owner !== identity.owner) return false;
  switch (topic.kind) {
    case 'shared':
      return true;
    case 'application':
      return !isDevice(identity) || topic.udid === identity.udid;
    case 'status':
      return isDevice(identity) && topic.udid === identity.udid;
    case 'reply':
      return !isDevice(identity);
    case 'device':
    case 'rtm':
      return false;
  }
}

/** Who may read from a topic. */
function mayRead(identity: Identity, topic: TopicMeaning, pushed: boolean): boolean {
  if (topic.kind === 'other' || topic.owner !== identity.owner) return false;
  switch (topic.kind) {
    case 'shared':
      return true;
    case 'application':
      return !isDevice(identity) || topic.udid === identity.udid;
    case 'status':
    case 'rtm':
      return !isDevice(identity);
    case 'device':
      // Only what the server says to it now, never a message from a queue: its token may be long dead.
      return pushed && topic.udid === identity.udid;
    case 'reply':
      return false;
  }
}

/** Topics outside that table, whose rights another plugin knows. */
export interface Elsewhere {
  includes(topic: string): boolean;
  reachedBy(filter: string): boolean;
}

/** True if the filter could ever bring this client a message. */
function canReach({ owner, udid, scope }: Identity, filter: string): boolean {
  if (scope === 'owner' && udid === undefined) return filterReaches(filter, ['', owner]);
  const roots = [['', owner, 'shared'], ...(udid === undefined ? [] : [['', owner, udid]])];
  return roots.some((levels) => filterReaches(filter, levels));
}

/**
 * The rights of wire.md section 1, all but those on Home Assistant's topics: checked at PUBLISH, at SUBSCRIBE and for every
 * message on its way out.
 */
export class TopicRights implements Plugin {
  readonly name = 'topic-rights';
  readonly #registry: Registry;
  readonly #elsewhere: Elsewhere | undefined;

  /** @param elsewhere nothing is said about these topics: without another plugin's word they are nobody's */
  constructor(registry: Registry, elsewhere?: Elsewhere) {
    this.#registry = registry;
    this.#elsewhere = elsewhere;
  }

  mayPublish({ identity }: Session, topic: string): Verdict {
    if (this.#elsewhere?.includes(topic)) return undefined;
    return mayWrite(identity, readTopic(topic)) ? 'allow' : 'deny';
  }

  maySubscribe(session: Session, filter: string): Verdict | Promise<Verdict> {
    const { identity } = session;
    const udid =
      identity.scope === 'device' && identity.udid === undefined ? this.#named(identity, filter) : undefined;
    if (udid !== undefined) return this.#bind(session, udid);
    // One generation subscribes to `/#` and ignores the SUBACK code: it is granted, and filtered on the way out.
    if (canReach(identity, filter)) return 'allow';
    return this.#elsewhere?.reachedBy(filter) ? undefined : 'deny';
  }

  mayReceive({ identity }: Session, { topic, pushed }: Message): Verdict {
    // Cheap first: this is asked for every message and every subscriber.
    if (!topic.startsWith(identity.owner, 1)) return this.#elsewhere?.includes(topic) ? undefined : 'deny';
    return mayRead(identity, readTopic(topic), pushed) ? 'allow' : 'deny';
  }

  /** The UDID in the subscription topic of a device that has told none so far. */
  #named({ owner }: Identity, filter: string): string | undefined {
    const [root, first, udid = ''] = filter.split('/');
    return root === '' && first === owner && isUdid(udid) ? udid : undefined;
  }

  async #bind(session: Session, udid: string): Promise<Verdict> {
    try {
      if (!(await this.#registry.admit(session.identity.owner, udid))) return 'deny';
    } catch (error) {
      // A device does not try again after a refusal: without its connection it does.
      if (isStoreFailure(error)) session.close();
      throw error;
    }
    session.bind(udid);
    return session.identity.udid === udid ? 'allow' : 'deny';
  }
}
