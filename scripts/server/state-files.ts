import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Credentials } from '../../core/services/accounts.js';
import type { Runtime } from '../client/credentials.js';

/** Replaces a file as one step: after a crash it is the old one or the new one, whole. */
async function replace(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

export const credentialsPath = (data: string): string => join(data, 'credentials.json');
export const runtimePath = (data: string): string => join(data, 'runtime.json');

/** Writes `credentials.json`, readable by its owner alone. Durable. */
export const writeCredentials = (data: string, credentials: Credentials): Promise<void> =>
  replace(credentialsPath(data), `${JSON.stringify(credentials, null, 2)}\n`, 0o600);

/** Writes `runtime.json`, which stands there while the server runs. */
export const writeRuntime = (data: string, runtime: Runtime): Promise<void> =>
  replace(runtimePath(data), `${JSON.stringify(runtime)}\n`, 0o644);

export const removeRuntime = (data: string): Promise<void> => rm(runtimePath(data), { force: true });

/** True if the server that ran here before did not end by itself. */
export const endedBadly = (data: string): Promise<boolean> =>
  readFile(runtimePath(data)).then(
    () => true,
    () => false,
  );

const storePath = (data: string): string => join(data, 'store.json');

/** The id of the store in Redis that this node has worked with; undefined if it never has. */
export async function readStoreId(data: string): Promise<string | undefined> {
  const text = await readFile(storePath(data), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { id } = JSON.parse(text) as { id?: unknown };
  if (typeof id !== 'string') throw new Error(`${storePath(data)} is damaged: it names no store.`);
  return id;
}

/** Durable. */
export const writeStoreId = (data: string, id: string): Promise<void> =>
  replace(storePath(data), `${JSON.stringify({ id })}\n`, 0o644);
