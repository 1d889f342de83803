import { Check, Create, Errors } from 'typebox/value';
import { FirmwireError } from '../../core/errors.js';
import { type Entry, readTree } from './entry.js';
import { readEnvironment } from './environment.js';
import { readConfigFile } from './file.js';
import { type DeepPartial, type Settings, SettingsSchema } from './schema.js';
import { CONFIG_VARIABLE, type Environment } from './variables.js';

/** Where settings come from. */
export interface Sources {
  /** A YAML file that has to exist; without it FIRMWIRE_CONFIG, else `config.yaml` here if there is one; false: none. */
  readonly file?: string | false;
  readonly env: Environment;
  /** What a caller insists on; wins over everything. */
  readonly overrides?: DeepPartial<Settings>;
}

/** Every setting at its default, in an object of its own. */
export const defaultSettings = (): Settings => Create(SettingsSchema);

function put(tree: object, path: string, value: unknown): void {
  const [name = '', ...rest] = path.split('.');
  const below: unknown = Reflect.get(tree, name);
  if (rest.length > 0 && typeof below === 'object' && below !== null) put(below, rest.join('.'), value);
  else Reflect.set(tree, name, value);
}

/** The sentences about values that are not allowed, each setting once. */
function complaints(candidate: unknown, entries: ReadonlyMap<string, Entry>): string[] {
  const places = Errors(SettingsSchema, candidate).map(({ instancePath }) =>
    instancePath.slice(1).replaceAll('/', '.'),
  );
  // An error within a list stands at `http.allowedOrigins.0`; told is the list.
  return [...entries.values()]
    .filter(({ key }) => places.some((place) => place === key.path || place.startsWith(`${key.path}.`)))
    .map(
      ({ key, value, origin }) =>
        `${key.path}: must be ${key.rule}, got ${key.secret ? 'something else' : JSON.stringify(value)} (from ${origin})`,
    );
}

/**
 * Puts the settings together: defaults, then the file, then the environment, then overrides.
 * @throws FirmwireError `config_invalid`; its message is one line that names every key that is wrong
 */
export async function loadSettings({ file, env, overrides = {} }: Sources): Promise<Settings> {
  const readings = [
    ...(file === false ? [] : [await readConfigFile(file ?? env[CONFIG_VARIABLE])]),
    readEnvironment(env),
    readTree(overrides, 'overrides'),
  ];
  const entries = new Map<string, Entry>();
  for (const entry of readings.flatMap((reading) => reading.entries)) entries.set(entry.key.path, entry);
  const settings: unknown = defaultSettings();
  for (const { key, value } of entries.values()) put(Object(settings), key.path, value);
  const problems = [...readings.flatMap((reading) => reading.problems), ...complaints(settings, entries)];
  if (problems.length === 0 && Check(SettingsSchema, settings)) return settings;
  throw new FirmwireError('config_invalid', problems.join('; '));
}
