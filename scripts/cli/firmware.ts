import type { Command } from 'commander';
import type { FirmwareView } from '../client/model.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { type Row, table } from './table.js';
import { printJson, size } from './text.js';

const HEADER: Row = ['ID', 'VERSION', 'PLATFORM', 'UDID', 'SIZE', 'SIGNED', 'FILES'];

/** Whose signature it bears, and its sequence. */
const signedBy = ({ signature }: FirmwareView): string =>
  signature
    ? `${signature.trusted ? (signature.alias ?? signature.signer) : 'not trusted'} #${signature.sequence}`
    : 'no';

const rowOf = (firmware: FirmwareView): Row => [
  firmware.id,
  firmware.version,
  firmware.platform,
  firmware.udid,
  size(firmware.size),
  signedBy(firmware),
  firmware.files.map(({ name }) => name).join(', '),
];

/** `firmwire firmware` */
export function addFirmware(program: Command, cli: Cli): void {
  withServerOptions(program.command('firmware'))
    .description('list the published firmware')
    .action(async (options: ServerOptions) => {
      const firmware = await (await connect(cli, options)).firmware();
      if (options.json) printJson(cli.out, { firmware });
      else
        cli.out.write(firmware.length > 0 ? table([HEADER, ...firmware.map(rowOf)]) : 'No firmware yet.\n');
    });
}
