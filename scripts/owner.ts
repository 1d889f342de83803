import pino from 'pino';
import { KeyedLock } from '../core/keyed-lock.js';
import { Accounts, type Credentials } from '../core/services/accounts.js';
import type { Settings } from './config/schema.js';
import { openStores } from './server/stores.js';
import { systemClock } from './server/system-clock.js';

/** Makes an owner in the store; a server may run beside it. Durable. */
export async function addOwner(settings: Settings, name: string): Promise<Credentials> {
  const stores = await openStores(settings, pino({ level: 'warn' }, pino.destination(2)));
  try {
    return await new Accounts(stores.accounts, systemClock, new KeyedLock()).createOwner(name);
  } finally {
    await stores.close();
  }
}
