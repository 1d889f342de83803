import { type Entry, type Reading, unknownName } from './entry.js';
import { type SettingKey, settingKeys } from './keys.js';
import { CONFIG_VARIABLE, type Environment, VARIABLE_PREFIX } from './variables.js';

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)$/;

/** Text that is not what the setting needs stays as it is: the check that follows refuses it and can quote it. */
function convert(text: string, type: SettingKey['type']): unknown {
  const trimmed = text.trim();
  switch (type) {
    case 'list':
      return trimmed === '' ? [] : trimmed.split(',').map((item) => item.trim());
    case 'number':
      return DECIMAL.test(trimmed) ? Number(trimmed) : text;
    case 'boolean':
      return trimmed === 'true' ? true : trimmed === 'false' ? false : text;
    case 'string':
      return text;
  }
}

/** Reads settings from the environment. Every variable that begins like ours has to be one of ours. */
export function readEnvironment(env: Environment): Reading {
  const keys = new Map(settingKeys().map((key) => [key.variable, key]));
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith(VARIABLE_PREFIX) || name === CONFIG_VARIABLE) continue;
    const key = keys.get(name);
    if (key) entries.push({ key, value: convert(text, key.type), origin: name });
    else problems.push(unknownName(name, [...keys.keys(), CONFIG_VARIABLE]));
  }
  return { entries, problems };
}
