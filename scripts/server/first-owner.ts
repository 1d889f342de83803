import type { AccountStore, Lock } from '../../core/ports.js';
import type { Accounts, Credentials } from '../../core/services/accounts.js';
import { writeCredentials } from './state-files.js';

/**
 * Makes the first owner of a new store. The file is written before the owner: a crash in between leaves a store that
 * is still new, and the next start begins again. Of several nodes that start at once one does it.
 * @returns undefined if there are owners already
 */
export async function ensureFirstOwner(
  data: string,
  store: AccountStore,
  accounts: Accounts,
  lock: Lock,
): Promise<Credentials | undefined> {
  if (await hasOwner(store)) return undefined;
  return lock.acquire('first-owner', async () => {
    if (await hasOwner(store)) return undefined;
    const credentials = accounts.newCredentials();
    await writeCredentials(data, credentials);
    await accounts.createOwner('owner', credentials);
    return credentials;
  });
}

async function hasOwner(store: AccountStore): Promise<boolean> {
  for await (const _owner of store.owners()) return true;
  return false;
}
