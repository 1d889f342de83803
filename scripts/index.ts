/** Firmwire as a library. */
import type { Aedes } from 'aedes';
import type { Log } from '../core/ports.js';
import { loadSettings } from './config/load.js';
import type { DeepPartial, Settings } from './config/schema.js';
import { type Firmwire, startFirmwire } from './server/firmwire.js';
import { createLog } from './server/logger.js';

export type { Plugin } from '../broker/plugin.js';
export { FirmwireError } from '../core/errors.js';
export type { Settings } from './config/schema.js';
export type { Firmwire } from './server/firmwire.js';

/** What a program that embeds Firmwire may say besides the settings. */
export interface Options extends DeepPartial<Settings> {
  /**
   * An Aedes broker of yours, listening and without clients yet: Firmwire's plugins become its law, and its ports
   * stay yours.
   */
  readonly broker?: Aedes;
  /** Where to log; absent: pino on standard error, at `log.level`. */
  readonly logger?: Log;
}

/**
 * Starts the whole server. Reads neither config.yaml nor the environment: what is not given has its default.
 * @throws FirmwireError `config_invalid` naming the setting
 */
export async function createFirmwire({ broker, logger, ...overrides }: Options = {}): Promise<Firmwire> {
  const settings = await loadSettings({ env: {}, file: false, overrides });
  const log = logger ?? createLog(settings.log.level);
  return startFirmwire(settings, log, broker);
}
