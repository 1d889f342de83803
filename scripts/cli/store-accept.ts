import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { Cli } from './context.js';
import { type StoreOptions, settingsFor, withStoreOptions } from './store.js';

/** `firmwire store accept`: says that a store in Redis which was emptied is lost for good, and that a new one begins. */
export function addStore(program: Command, cli: Cli): void {
  const store = program.command('store').description('the store in Redis, after it has lost what it held');
  withStoreOptions(store.command('accept'))
    .description(
      'give up what an emptied Redis held: all nodes go on, with a new store and a new first owner',
    )
    .action(async (options: StoreOptions) => {
      const settings = await settingsFor(cli, options);
      const { acceptStore } = await import('../store.js');
      const id = await acceptStore(settings);
      print(
        cli.out,
        `Accepted: every node that runs goes on with the store ${id} within seconds; one makes a new first owner.`,
      );
    });
}
