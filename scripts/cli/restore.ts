import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { Cli } from './context.js';
import { type MoveOptions, tell, tellJson } from './moved.js';
import { type StoreOptions, settingsFor, withStoreOptions } from './store.js';

/** `firmwire restore` */
export function addRestore(program: Command, cli: Cli): void {
  withStoreOptions(program.command('restore'))
    .description('put a backup into an empty store, while no server runs on it')
    .argument('<file>', 'what "firmwire backup" has written')
    .option('--force', 'replace everything that is in the store')
    .option('--json', 'print JSON and nothing else')
    .action(async (file: string, { force = false, json, ...store }: StoreOptions & MoveOptions) => {
      const settings = await settingsFor(cli, store);
      const { restore } = await import('../backup/restore.js');
      const begun = Date.now();
      const moved = await restore(settings, file, force);
      const ms = Date.now() - begun;
      if (json) return tellJson(cli.out, file, ms, moved);
      tell(cli.out, 'Restored', file, ms, moved);
      const credentials = join(settings.data, 'credentials.json');
      await access(credentials).catch(() =>
        print(
          cli.out,
          `No backup holds the keys themselves: copy your old credentials.json to ${credentials}`,
        ),
      );
    });
}
