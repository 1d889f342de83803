import type { TSchema } from 'typebox';
import { SettingsSchema } from './schema.js';
import { VARIABLE_PREFIX } from './variables.js';

/** A setting's place and rule. */
export interface SettingKey {
  /** The path joined with dots: `mqtt.port`. */
  readonly path: string;
  /** The name in the environment: `FIRMWIRE_MQTT_PORT`. */
  readonly variable: string;
  readonly type: 'string' | 'number' | 'boolean' | 'list';
  /** Its value is shown to nobody. */
  readonly secret: boolean;
  /** Ends the sentence "must be ...". */
  readonly rule: string;
}

/** `http.maxUploadBytes` becomes `FIRMWIRE_HTTP_MAX_UPLOAD_BYTES`. */
export const variableName = (path: string): string =>
  VARIABLE_PREFIX +
  path
    .replaceAll('.', '_')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();

function typeOf(schema: TSchema): SettingKey['type'] {
  const type = 'type' in schema ? schema.type : 'string';
  if (type === 'array') return 'list';
  if (type === 'boolean') return 'boolean';
  return type === 'number' || type === 'integer' ? 'number' : 'string';
}

function* keysOf(properties: Readonly<Record<string, TSchema>>, prefix: string): Generator<SettingKey> {
  for (const [name, schema] of Object.entries(properties)) {
    const path = prefix + name;
    if ('properties' in schema) {
      yield* keysOf(schema.properties as Record<string, TSchema>, `${path}.`);
    } else {
      const rule = 'description' in schema ? String(schema.description) : 'valid';
      yield { path, variable: variableName(path), type: typeOf(schema), secret: 'secret' in schema, rule };
    }
  }
}

const KEYS: ReadonlyMap<string, SettingKey> = new Map(
  [...keysOf(SettingsSchema.properties, '')].map((key) => [key.path, key]),
);

/** Every setting there is, in the order of the schema. */
export const settingKeys = (): SettingKey[] => [...KEYS.values()];

/** The setting with this path, if there is one. */
export const findKey = (path: string): SettingKey | undefined => KEYS.get(path);

/** True for the name of a group of settings, such as `mqtt`. */
export const isGroup = (path: string): boolean =>
  settingKeys().some((key) => key.path.startsWith(`${path}.`));
