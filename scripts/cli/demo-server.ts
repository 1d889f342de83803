import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCredentials } from '../client/credentials.js';
import type { DemoServer } from '../commands/demo.js';
import { createFirmwire } from '../index.js';
import { localAddresses } from './server.js';

const HERE = { host: '127.0.0.1', port: 0 };

/**
 * Starts a server on free ports of this machine, with a store that is removed when it is closed. It reads neither
 * config.yaml nor the environment: the demo must touch nobody's data.
 * @param prepare fills the data folder before the server starts
 * @throws whatever the server fails to start with; nothing is left behind then
 */
export async function startDemoServer(
  prepare: (data: string) => Promise<void> = async () => {},
): Promise<DemoServer> {
  const data = await mkdtemp(join(tmpdir(), 'firmwire-demo-server-'));
  const remove = () => rm(data, { recursive: true, force: true });
  try {
    const settings = {
      data,
      mqtt: HERE,
      http: HERE,
      log: { level: 'error' },
      shutdown: { drainSeconds: 0 },
    } as const;
    await prepare(data);
    const server = await createFirmwire(settings);
    const close = () => server.close().finally(remove);
    return { ...(await localAddresses(data)), credentials: await readCredentials(data), close };
  } catch (error) {
    await remove();
    throw error;
  }
}
