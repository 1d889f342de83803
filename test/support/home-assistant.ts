import { at, parsed } from './json.js';

/**
 * What Home Assistant takes on the topics of its MQTT `update` platform, in our own words: after
 * homeassistant/components/mqtt/{update,schemas,discovery,util}.py and helpers/config_validation.py of home-assistant/core
 * (2024.12 and later, when `in_progress` and `update_percentage` came). Stricter in three things, since what Home Assistant
 * does then is not what anybody wants: numbers and booleans are no texts (it would turn them into text), a summary has at
 * most 255 characters (it would cut it), and a discovery message has no unknown key (it would pass over it).
 */

/** What is wrong with a value; undefined: nothing. */
type Rule = (value: unknown) => string | undefined;
type Rules = Readonly<Record<string, Rule>>;

const LONGEST_SUMMARY = 255;

const text: Rule = (value) => (typeof value === 'string' ? undefined : 'is no text');
const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'is neither true nor false');
const oneOf =
  (...values: unknown[]): Rule =>
  (value) =>
    values.includes(value) ? undefined : `is none of ${values.join(', ')}`;

const url: Rule = (value) => {
  if (typeof value !== 'string' || !URL.canParse(value)) return 'is no address';
  const { protocol, hostname } = new URL(value);
  return /^https?:$/.test(protocol) && hostname !== '' && value.includes('://') ? undefined : 'is no address';
};

const summary: Rule = (value) =>
  text(value) ?? ([...String(value)].length > LONGEST_SUMMARY ? 'is too long' : undefined);

const percentage: Rule = (value) =>
  value === null || (typeof value === 'number' && value >= 0 && value <= 100)
    ? undefined
    : 'is no percentage';

const topic: Rule = (value) => {
  if (typeof value !== 'string' || value === '') return 'is no topic';
  return Buffer.byteLength(value) <= 65_535 && !/[\p{Cc}\ufffe\uffff]/u.test(value)
    ? undefined
    : 'is no topic';
};
const topicToPublishOn: Rule = (value) =>
  topic(value) ?? (/[+#]/.test(String(value)) ? 'has wildcards' : undefined);

const listOf =
  (rule: Rule): Rule =>
  (value) =>
    Array.isArray(value) ? value.map(rule).find((fault) => fault !== undefined) : 'is no list';

const STATE: Rules = {
  installed_version: text,
  latest_version: text,
  title: text,
  release_summary: summary,
  release_url: url,
  entity_picture: url,
  in_progress: flag,
  update_percentage: percentage,
};

const ORIGIN: Rules = { name: text, sw_version: text, support_url: url };

const DEVICE: Rules = {
  identifiers: listOf(text),
  connections: listOf((pair) =>
    Array.isArray(pair) && pair.length === 2 ? listOf(text)(pair) : 'is no pair',
  ),
  manufacturer: text,
  model: text,
  model_id: text,
  name: text,
  hw_version: text,
  serial_number: text,
  sw_version: text,
  via_device: text,
  suggested_area: text,
  configuration_url: url,
};

const DISCOVERY: Rules = {
  platform: text,
  command_topic: topicToPublishOn,
  device_class: oneOf('firmware', null),
  display_precision: (value) => (typeof value === 'number' ? undefined : 'is no number'),
  entity_picture: text,
  latest_version_template: text,
  latest_version_topic: topic,
  name: (value) => (value === null ? undefined : text(value)),
  payload_install: text,
  release_summary: text,
  release_url: text,
  retain: flag,
  title: text,
  qos: oneOf(0, 1, 2),
  encoding: text,
  state_topic: topic,
  value_template: text,
  availability_topic: topic,
  availability: (value) => (Array.isArray(value) ? undefined : 'is no list'),
  availability_mode: oneOf('all', 'any', 'latest'),
  availability_template: text,
  payload_available: text,
  payload_not_available: text,
  device: (value) => faultsOf(value, DEVICE, 'identifiers|connections')[0],
  origin: (value) => faultsOf(value, ORIGIN, 'name')[0],
  enabled_by_default: flag,
  entity_category: oneOf('config', 'diagnostic', null),
  icon: text,
  json_attributes_topic: topic,
  json_attributes_template: text,
  object_id: text,
  default_entity_id: text,
  unique_id: text,
};

/** @param needed keys of which one has to be there, and not empty */
function faultsOf(value: unknown, rules: Rules, needed?: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ['is no object'];
  const faults = Object.entries(value).flatMap(([key, member]) => {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    const fault = rule ? rule(member) : 'is unknown';
    return fault === undefined ? [] : [`${key} ${fault}`];
  });
  const isThere = (key: string): boolean => {
    const member = at(value, key);
    return member !== undefined && (!Array.isArray(member) || member.length > 0);
  };
  if (needed !== undefined && !needed.split('|').some(isThere)) faults.push(`${needed} is missing`);
  return faults;
}

/** Why Home Assistant would not take this state message as it is meant; empty: it would. */
export function stateFaults(payload: string): string[] {
  // A text that is no JSON, and JSON that is no object, is taken for the installed version.
  return faultsOf(parsed(payload), STATE);
}

/** Why Home Assistant would not take this discovery message as it is meant; empty: it would. */
export function discoveryFaults(payload: string): string[] {
  const message = parsed(payload);
  const faults = faultsOf(message, DISCOVERY);
  if (at(message, 'availability') !== undefined && at(message, 'availability_topic') !== undefined)
    faults.push('availability and availability_topic exclude each other');
  // Only what comes with these can be named, and put with a device.
  if (at(message, 'unique_id') === undefined) faults.push('unique_id is missing');
  return faults;
}
