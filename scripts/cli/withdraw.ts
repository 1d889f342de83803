import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { printJson } from './text.js';

/** `firmwire withdraw` */
export function addWithdraw(program: Command, cli: Cli): void {
  withServerOptions(program.command('withdraw'))
    .description('take firmware back: its offers and questions vanish, its tokens die')
    .argument('<id>', 'the firmware, as "firmwire firmware" lists it')
    .action(async (id: string, options: ServerOptions) => {
      await (await connect(cli, options)).withdraw(id);
      if (options.json) printJson(cli.out, { id });
      else print(cli.out, `Withdrew ${id}.`);
    });
}
