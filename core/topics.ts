/** The topic grammar of wire.md section 1. Every topic begins with `/`, so its first level is empty. */

/** 36 characters of `[0-9a-fA-F-]`. */
export const isUdid = (text: string): boolean => /^[0-9a-fA-F-]{36}$/.test(text);

/** What the server says to one device; retained never, read by that device only. */
export const deviceTopic = (owner: string, udid: string): string => `/${owner}/${udid}`;

/** Where a device checks in, sends status texts and leaves its will. */
export const statusTopic = (owner: string, udid: string): string => `/${owner}/${udid}/status`;

/** Where a device gets the manifest of its update, once it has asked. */
export const manifestTopic = (owner: string, udid: string): string => `/${owner}/${udid}/firmwire/manifest`;

/** Where it asks, with any payload. */
export const manifestRequestTopic = (owner: string, udid: string): string =>
  `${manifestTopic(owner, udid)}/get`;

/** The device's state, retained, for the owner. */
export const stateTopic = (owner: string, udid: string): string => `/${owner}/rtm/devices/${udid}`;

/** The owner message, retained until answered or moot. */
export const noticeTopic = (owner: string, nid: string): string => `/${owner}/rtm/notices/${nid}`;

/** A firmware, retained until it is withdrawn. */
export const firmwareTopic = (owner: string, id: string): string => `/${owner}/rtm/firmware/${id}`;

/** A rollout and how far it is, retained. */
export const rolloutTopic = (owner: string, id: string): string => `/${owner}/rtm/rollouts/${id}`;

/** Check-ins, offers, progress, results; not retained. */
export const eventsTopic = (owner: string): string => `/${owner}/rtm/events`;

/** What an owner's page has to know of the server: retained, and the last of what a subscriber is told from the past. */
export const serverTopic = (owner: string): string => `/${owner}/rtm/server`;

/** What a topic is, as far as rights are concerned. `owner` is always the second level. */
export type TopicMeaning =
  | { readonly kind: 'device'; readonly owner: string; readonly udid: string }
  | { readonly kind: 'status'; readonly owner: string; readonly udid: string }
  | { readonly kind: 'application'; readonly owner: string; readonly udid: string }
  | { readonly kind: 'shared'; readonly owner: string }
  | { readonly kind: 'reply'; readonly owner: string; readonly nid: string }
  | { readonly kind: 'rtm'; readonly owner: string }
  | { readonly kind: 'other' };

const OTHER: TopicMeaning = { kind: 'other' };

/** Reads a topic name (not a filter). Text that follows no row of the table is `other`: nobody's. */
export function readTopic(topic: string): TopicMeaning {
  const levels = topic.split('/');
  const [root, owner, third, fourth] = levels;
  if (root !== '' || owner === undefined || owner === '' || third === undefined) return OTHER;
  if (third === 'shared') return levels.length > 3 ? { kind: 'shared', owner } : OTHER;
  if (third === 'rtm') {
    const isReply = levels.length === 6 && fourth === 'notices' && levels[5] === 'reply';
    return isReply ? { kind: 'reply', owner, nid: levels[4] ?? '' } : { kind: 'rtm', owner };
  }
  if (!isUdid(third)) return OTHER;
  if (levels.length === 3) return { kind: 'device', owner, udid: third };
  if (levels.length === 4 && fourth === 'status') return { kind: 'status', owner, udid: third };
  return { kind: 'application', owner, udid: third };
}

const endOfLevel = (text: string, from: number): number => {
  const slash = text.indexOf('/', from);
  return slash < 0 ? text.length : slash;
};

/**
 * True if an MQTT topic filter matches a topic name (MQTT 3.1.1, 4.7). It is asked several times for each message that
 * leaves, and so goes along both texts instead of taking them apart.
 */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  let at = 0;
  for (let from = 0; from <= filter.length; ) {
    const end = endOfLevel(filter, from);
    const only = end - from === 1 ? filter[from] : undefined;
    if (only === '#') return true;
    if (at > topic.length) return false;
    const endInTopic = endOfLevel(topic, at);
    // As long, and found where the topic's level begins: the same.
    const isSame = end - from === endInTopic - at && topic.startsWith(filter.slice(from, end), at);
    if (only !== '+' && !isSame) return false;
    from = end + 1;
    at = endInTopic + 1;
  }
  return at > topic.length;
}

/**
 * True if the filter could match some topic that begins with these levels, e.g. `['', owner]`.
 * Used to refuse a SUBSCRIBE that can never bring anything; what is delivered is decided per message.
 */
export function filterReaches(filter: string, levels: readonly string[]): boolean {
  const pattern = filter.split('/');
  for (const [i, level] of levels.entries()) {
    const part = pattern[i];
    if (part === '#') return true;
    if (part === undefined || (part !== '+' && part !== level)) return false;
  }
  return true;
}

/** The part of a filter before its first wildcard: every topic it matches begins with it. */
export function literalPrefix(filter: string): string {
  const at = filter.search(/[+#]/);
  if (at === -1) return filter;
  // `a/#` also matches `a` (MQTT 3.1.1, 4.7.1.2), so the separator before `#` is not part of the prefix.
  const cut = filter[at] === '#' && filter[at - 1] === '/' ? at - 1 : at;
  return filter.slice(0, cut);
}
