import type { Command } from 'commander';
import type { Settings } from '../config/schema.js';
import type { Cli } from './context.js';

/** What commands that work on the store themselves take. */
export interface StoreOptions {
  readonly config?: string;
  readonly data?: string;
}

/** Adds the options of StoreOptions to a command. */
export const withStoreOptions = (command: Command): Command =>
  command
    .option(
      '--config <file>',
      'the configuration (default: FIRMWIRE_CONFIG, else config.yaml if there is one)',
    )
    .option('--data <dir>', 'the data folder, in place of the configured one');

/** The settings these options ask for. Throws FirmwireError `config_invalid`. */
export async function settingsFor(cli: Cli, { config, data }: StoreOptions): Promise<Settings> {
  // The schema library takes longer to load than most commands to run.
  const { loadSettings } = await import('../config/load.js');
  return loadSettings({
    env: cli.env,
    ...(config !== undefined && { file: config }),
    ...(data !== undefined && { overrides: { data } }),
  });
}
