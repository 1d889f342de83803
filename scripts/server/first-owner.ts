import type { AccountStore } from '../../core/ports.js';
import type { Accounts, Credentials } from '../../core/services/accounts.js';
import { writeCredentials } from './state-files.js';

/**
 * Makes the first owner of a new store. The file is written before the owner: a crash in between leaves a store that
 * is still new, and the next start begins again.
 * @returns undefined if there are owners already
 */
export async function ensureFirstOwner(
  data: string,
  store: AccountStore,
  accounts: Accounts,
): Promise<Credentials | undefined> {
  for await (const _owner of store.owners()) return undefined;
  const credentials = accounts.newCredentials();
  await writeCredentials(data, credentials);
  await accounts.createOwner('owner', credentials);
  return credentials;
}
