import type { Stores } from '../../../core/ports.js';
import type { RetainedStore } from '../../retained.js';
import { storeArchive } from '../archive.js';
import { accountStore } from './accounts.js';
import { RedisArchiveState, tokenArchive } from './archive.js';
import { deviceStore } from './devices.js';
import { firmwareStore } from './firmware.js';
import { historyStore } from './histories.js';
import { type LinkOptions, RedisLink } from './link.js';
import { retainedStore } from './retained.js';
import { signerStore } from './signers.js';
import { tokenStore } from './tokens.js';
import { Transactions } from './transaction.js';

/** Everything several servers remember together. */
export interface RedisStores extends Stores {
  readonly retained: RetainedStore;
  readonly link: RedisLink;
  /** True if this start has made the store, and it holds no owner: of several nodes at once this is true for one. */
  readonly isNew: boolean;
}

/**
 * Opens the stores in a Redis, and makes them if there are none and this node knows of none (`known`).
 * @param toRestore open them even if a restore into them has not ended, to begin another
 * @throws FirmwireError `store_restoring`; `store_unavailable` that says why this Redis cannot be used, or that it cannot
 * be reached, and where
 */
export async function openRedis(options: LinkOptions, toRestore = false): Promise<RedisStores> {
  const link = await RedisLink.open(options);
  const transactions = new Transactions(link);
  const state = new RedisArchiveState(link);
  if (!toRestore) await unlessRestoring(link, state);
  const ofHistories = new Transactions(link);
  const records = {
    accounts: accountStore(link, transactions),
    devices: deviceStore(link, transactions),
    firmware: firmwareStore(link, transactions),
    signers: signerStore(transactions),
    history: historyStore(link, ofHistories),
    retained: retainedStore(link, transactions),
  };
  const archived = { ...records, tokens: tokenArchive(link, transactions) };
  return {
    ...records,
    tokens: tokenStore(link, transactions),
    archive: storeArchive(archived, state),
    link,
    isNew: link.isNew,
    close: async () => {
      await Promise.all([transactions.settled(), ofHistories.settled()]);
      await link.close();
    },
  };
}

/**
 * Makes the store that Redis now holds, or a new one, take the place of the lost store `known`: every node that knows that
 * one goes on with this one by itself. What `firmwire store accept` does; nothing is put into a new store.
 * @returns the id of the store
 * @throws as `openRedis`
 */
export async function acceptEmptied(options: LinkOptions, known: string): Promise<string> {
  const { remember: _, ...rest } = options;
  const link = await RedisLink.open({ ...rest, known: undefined, isAccepted: true });
  await unlessRestoring(link, new RedisArchiveState(link));
  try {
    await link.replace(known);
    return link.id;
  } finally {
    await link.close();
  }
}

/** @throws FirmwireError `store_restoring`, and the link is closed */
async function unlessRestoring(link: RedisLink, state: RedisArchiveState): Promise<void> {
  // What is not this node's store does not concern it; it has been told.
  if (link.state !== 'open') return;
  try {
    await state.mustBeWhole();
  } catch (error) {
    await link.close();
    throw error;
  }
}
