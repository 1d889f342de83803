import type { Command } from 'commander';
import type { Cli } from './context.js';
import { type StoreOptions, settingsFor, withStoreOptions } from './store.js';

/** `firmwire serve` */
export function addServe(program: Command, cli: Cli): void {
  withStoreOptions(program.command('serve'))
    .description('run the server until SIGTERM or Ctrl-C')
    .action(async (options: StoreOptions) => {
      const settings = await settingsFor(cli, options);
      // Loaded here, so that no other command waits for the broker and the store to load.
      const { serve } = await import('../serve.js');
      await serve(settings);
    });
}
