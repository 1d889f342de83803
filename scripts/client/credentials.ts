import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../core/checkin.js';
import { ClientError } from './errors.js';

/** What `<data>/credentials.json` holds: the owner's id, a key that may do everything, a key for devices. */
export interface Credentials {
  readonly owner: string;
  readonly ownerKey: string;
  readonly deviceKey: string;
}

/** What `<data>/runtime.json` holds while a server runs. */
export interface Runtime {
  readonly pid: number;
  readonly mqttPort: number;
  readonly httpPort: number;
  /** Where TLS is spoken; absent where it is not. */
  readonly mqttsPort?: number | undefined;
  readonly httpsPort?: number | undefined;
}

/** A server and the right to use it. Addresses without a path: `http://127.0.0.1:7442`, `mqtt://127.0.0.1:1883`. */
export interface Server {
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly credentials: Credentials;
}

async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new ClientError(`${path} cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  try {
    const body: unknown = JSON.parse(text);
    if (isRecord(body)) return body;
  } catch {
    // Told below, together with JSON that is no object.
  }
  throw new ClientError(`${path} is not a JSON object.`);
}

/**
 * Reads `<data>/credentials.json`.
 * @throws ClientError if it is missing, unreadable or incomplete; the message says what to do.
 */
export const readCredentials = (dataDir: string): Promise<Credentials> =>
  readCredentialsFile(join(dataDir, 'credentials.json'));

/** Reads a file in the form of `credentials.json` that lies elsewhere. Throws as `readCredentials` does. */
export async function readCredentialsFile(path: string): Promise<Credentials> {
  const body = await readJson(path);
  if (!body)
    throw new ClientError(
      `${path} does not exist; start the server once (npm start) or name its data folder.`,
    );
  const { owner, ownerKey, deviceKey } = body;
  if (typeof owner === 'string' && typeof ownerKey === 'string' && typeof deviceKey === 'string')
    return { owner, ownerKey, deviceKey };
  throw new ClientError(`${path} lacks one of "owner", "ownerKey" and "deviceKey".`);
}

/**
 * Reads `<data>/runtime.json`, which stands there while a server runs (and after one was killed).
 * Undefined if there is none.
 * @throws ClientError if it is unreadable or incomplete.
 */
export async function readRuntime(dataDir: string): Promise<Runtime | undefined> {
  const path = join(dataDir, 'runtime.json');
  const body = await readJson(path);
  if (!body) return undefined;
  const { pid, mqttPort, httpPort } = body;
  if (typeof pid === 'number' && typeof mqttPort === 'number' && typeof httpPort === 'number')
    return { pid, mqttPort, httpPort };
  throw new ClientError(`${path} lacks one of "pid", "mqttPort" and "httpPort".`);
}
