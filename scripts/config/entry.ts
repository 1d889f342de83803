import { findKey, isGroup, type SettingKey, settingKeys } from './keys.js';
import { nearest } from './nearest.js';

/** One setting as one source gives it, not yet checked. */
export interface Entry {
  readonly key: SettingKey;
  readonly value: unknown;
  /** Where it came from, for a person: a file's name or a variable's. */
  readonly origin: string;
}

/** What a source said: settings, and sentences about what in it cannot be one. */
export interface Reading {
  readonly entries: readonly Entry[];
  readonly problems: readonly string[];
}

/** What to say about a name that means nothing, with what was probably meant. */
export function unknownName(name: string, known: readonly string[], origin?: string): string {
  const meant = nearest(name, known);
  return `${name}: unknown setting${origin ? ` in ${origin}` : ''}${meant ? `, did you mean ${meant}?` : ''}`;
}

const isBranch = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;

function* leavesOf(tree: Readonly<Record<string, unknown>>, prefix = ''): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(tree)) {
    if (isBranch(value)) yield* leavesOf(value, `${prefix}${name}.`);
    else if (value !== undefined) yield [prefix + name, value];
  }
}

/** A group that stands there with nothing in it, as it does when all of its lines are commented out. */
const isEmptyGroup = (path: string, value: unknown): boolean =>
  isGroup(path) && (value === null || (typeof value === 'object' && !Array.isArray(value)));

/** Reads settings from a tree, as a file or a caller gives them. Members that are `undefined` count as absent. */
export function readTree(tree: Readonly<Record<string, unknown>>, origin: string): Reading {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [path, value] of leavesOf(tree)) {
    const key = findKey(path);
    if (key) entries.push({ key, value, origin });
    else if (isGroup(path)) {
      if (!isEmptyGroup(path, value)) problems.push(`${path}: must be a group of settings (${origin})`);
    } else {
      problems.push(
        unknownName(
          path,
          settingKeys().map((known) => known.path),
          origin,
        ),
      );
    }
  }
  return { entries, problems };
}
