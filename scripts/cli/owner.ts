import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { Cli } from './context.js';
import { UsageError } from './failures.js';
import { type StoreOptions, settingsFor, withStoreOptions } from './store.js';
import { printJson } from './text.js';

/** `firmwire owner add`: works on the store itself, so it needs no key and also runs beside a server. */
export function addOwner(program: Command, cli: Cli): void {
  const owner = program.command('owner').description('owners, whose devices nobody else sees');
  withStoreOptions(owner.command('add'))
    .description('make an owner with an owner key and a device key, shown this once')
    .argument('<name>', 'what to call the owner')
    .option('--json', 'print what a credentials file holds and nothing else')
    .action(async (name: string, options: StoreOptions & { readonly json?: boolean }) => {
      if (name.trim() === '') throw new UsageError('the name of the owner is empty');
      const settings = await settingsFor(cli, options);
      const { addOwner: makeOwner } = await import('../owner.js');
      const credentials = await makeOwner(settings, name.trim());
      if (options.json) return printJson(cli.out, credentials);
      print(cli.out, `Owner:      ${credentials.owner}`);
      print(cli.out, `Owner key:  ${credentials.ownerKey}`);
      print(cli.out, `Device key: ${credentials.deviceKey}`);
      print(cli.out, 'The keys are shown this once. Other commands read them from a file: --json > FILE');
    });
}
