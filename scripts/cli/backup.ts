import type { Command } from 'commander';
import type { Cli } from './context.js';
import { type MoveOptions, tell, tellJson } from './moved.js';
import { type StoreOptions, settingsFor, withStoreOptions } from './store.js';
import { readVersion } from './version.js';

/** `firmwire backup`: reads the store itself, so it needs no key and also runs beside a server. */
export function addBackup(program: Command, cli: Cli): void {
  withStoreOptions(program.command('backup'))
    .description('write everything into one file, of a running server too')
    .argument('<file>', 'a tar file, compressed if it ends in .gz; keep it as secret as the data folder')
    .option('--force', 'replace the file if it is there')
    .option('--json', 'print JSON and nothing else')
    .action(async (file: string, { force = false, json, ...store }: StoreOptions & MoveOptions) => {
      const settings = await settingsFor(cli, store);
      const { backUp } = await import('../backup/backup.js');
      const now = Date.now();
      const signal = cli.interrupt();
      const moved = await backUp(settings, file, { force, version: readVersion(), now, signal });
      const ms = Date.now() - now;
      if (json) tellJson(cli.out, file, ms, moved);
      else tell(cli.out, 'Backed up', file, ms, moved);
    });
}
