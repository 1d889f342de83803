import { join } from 'node:path';
import type { Stores } from '../../../core/ports.js';
import { storeArchive } from '../archive.js';
import { accountStore } from './accounts.js';
import { DeviceRecords } from './device-records.js';
import { deviceStore } from './devices.js';
import { Environment } from './environment.js';
import { firmwareStore } from './firmware.js';
import { checkHeader } from './header.js';
import { Histories, historyStore } from './histories.js';
import { Identity } from './identity.js';
import { retainedStore, type SynchronousRetained } from './retained.js';
import { rolloutStore } from './rollouts.js';
import { signerStore } from './signers.js';
import { tokenStore } from './tokens.js';
import { verifyStore } from './verify/index.js';

/**
 * Looks at the store in this directory without opening it, if there is one.
 * @returns false if there is none
 * @throws FirmwireError `store_damaged`
 */
export async function checkEmbedded(dir: string): Promise<boolean> {
  const path = join(dir, 'data.mdb');
  if (!(await checkHeader(path))) return false;
  verifyStore(path);
  return true;
}

/** Everything a lone server remembers, in one file. */
export interface EmbeddedStores extends Stores {
  readonly retained: SynchronousRetained;
}

/**
 * Opens the stores in a directory of their own, which is made if it is missing. Other processes may have it open too.
 * @param toRestore open it even if a restore into it has not ended, to begin another
 * @param makeRoom called when the disk is full; true: there is room now, and the write is tried again
 * @throws FirmwireError `store_restoring`, `store_damaged` if LMDB can tell; Error if the file there is not ours, or was
 * written by a newer version
 */
export const openEmbedded = (
  dir: string,
  toRestore = false,
  makeRoom?: () => boolean,
): Promise<EmbeddedStores> => {
  const make = (environment: Environment): EmbeddedStores => {
    const identity = new Identity(environment);
    if (!toRestore) identity.mustBeWhole();
    const records = new DeviceRecords(environment);
    const histories = new Histories(environment);
    const stores = {
      accounts: accountStore(environment),
      devices: deviceStore(environment, records, histories),
      firmware: firmwareStore(environment),
      rollouts: rolloutStore(environment),
      signers: signerStore(environment),
      tokens: tokenStore(environment, records),
      history: historyStore(environment, histories, records),
      retained: retainedStore(environment),
    };
    return { ...stores, archive: storeArchive(stores, identity), close: () => environment.close() };
  };
  return Environment.open(dir, make, makeRoom);
};
