import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import { FirmwireError } from '../../core/errors.js';
import { type Reading, readTree } from './entry.js';

/** Read from the current directory when no file is named. */
const DEFAULT_FILE = 'config.yaml';

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function readText(path: string, isOptional: boolean): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error) && isOptional) return '';
    const reason = isMissing(error) ? 'there is no such file' : String(error);
    throw new FirmwireError('config_invalid', `${path}: ${reason}`, { cause: error });
  }
}

function parseYaml(path: string, text: string): unknown {
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    // The lines that follow draw an arrow under the place, and the place may be a secret: no cause is kept.
    const [line] = error instanceof YAMLParseError ? error.message.split('\n') : [];
    const reason = line ?? 'has a * that points to nothing; put quotes around the value';
    throw new FirmwireError('config_invalid', `${path}: ${reason}`);
  }
}

/**
 * Reads settings from a YAML file; without a path from `config.yaml` in the current directory, if it is there.
 * @throws FirmwireError `config_invalid` if a named file is missing, or what is there is no YAML mapping
 */
export async function readConfigFile(path: string | undefined): Promise<Reading> {
  const name = path ?? DEFAULT_FILE;
  const tree = parseYaml(name, await readText(name, path === undefined));
  // An empty file, or one with nothing but comments.
  if (tree === null || tree === undefined) return { entries: [], problems: [] };
  if (typeof tree !== 'object' || Array.isArray(tree))
    throw new FirmwireError('config_invalid', `${name}: must hold settings such as "data: ./data"`);
  return readTree({ ...tree }, name);
}
