import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { plain, printJson } from './text.js';

interface UpdateOptions extends ServerOptions {
  readonly firmware?: string;
  readonly forced?: boolean;
}

/** `firmwire update` */
export function addUpdate(program: Command, cli: Cli): void {
  withServerOptions(
    program
      .command('update')
      .description('send one device an update now; to ask for it is to consent to it')
      .argument('<udid>', 'the device')
      .option('--firmware <id>', 'this firmware (default: the newest for the device)')
      .option('--forced', 'even if the device runs this version or a newer one'),
  ).action(async (udid: string, options: UpdateOptions) => {
    const { firmware, forced } = options;
    const api = await connect(cli, options);
    const device = await api.updateDevice(udid, {
      ...(firmware !== undefined && { firmware }),
      ...(forced && { forced }),
    });
    if (options.json) printJson(cli.out, { device });
    else print(cli.out, plain(`${device.alias} (${udid}): ${device.why.sentence}`));
  });
}
