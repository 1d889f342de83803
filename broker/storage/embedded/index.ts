import type { Stores } from '../../../core/ports.js';
import type { RetainedStore } from '../../retained.js';
import { accountStore } from './accounts.js';
import { DeviceRecords } from './device-records.js';
import { deviceStore } from './devices.js';
import { Environment } from './environment.js';
import { firmwareStore } from './firmware.js';
import { retainedStore } from './retained.js';
import { tokenStore } from './tokens.js';

/** Everything a lone server remembers, in one file. */
export interface EmbeddedStores extends Stores {
  readonly retained: RetainedStore;
}

/**
 * Opens the stores in a directory of their own, which is made if it is missing. Other processes may have it open too.
 * @throws Error if the file there is damaged so that LMDB can tell, is not ours, or was written by a newer version
 */
export const openEmbedded = (dir: string): Promise<EmbeddedStores> =>
  Environment.open(dir, (environment) => {
    const records = new DeviceRecords(environment);
    return {
      accounts: accountStore(environment),
      devices: deviceStore(environment, records),
      firmware: firmwareStore(environment),
      tokens: tokenStore(environment, records),
      retained: retainedStore(environment),
      close: () => environment.close(),
    };
  });
