import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbedded } from '../broker/storage/embedded/index.js';
import { Accounts, type Credentials } from '../core/services/accounts.js';
import type { Settings } from './config/schema.js';
import { systemClock } from './server/system-clock.js';

/** Makes an owner in the store; a server may run beside it. Durable. */
export async function addOwner(settings: Settings, name: string): Promise<Credentials> {
  await mkdir(settings.data, { recursive: true, mode: 0o700 });
  const stores = await openEmbedded(join(settings.data, 'store'));
  try {
    return await new Accounts(stores.accounts, systemClock).createOwner(name);
  } finally {
    await stores.close();
  }
}
