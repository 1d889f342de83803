import type { Command } from 'commander';
import type { HistoryView } from '../client/model.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { type Row, table } from './table.js';
import { printJson, time } from './text.js';

const HEADER: Row = ['TIME', 'EVENT', 'VERSION', 'TIMES', 'SINCE', 'DETAILS'];

const rowOf = ({ event, at, since, count, version, progress, error }: HistoryView): Row => [
  time(at),
  event,
  version,
  String(count ?? 1),
  since && time(since),
  error ?? (progress === undefined ? undefined : `broke off at ${progress}%`),
];

/** `firmwire history` */
export function addHistory(program: Command, cli: Cli): void {
  withServerOptions(program.command('history'))
    .description('tell what has happened to a device, the newest first')
    .argument('<udid>', 'the device')
    .action(async (udid: string, options: ServerOptions) => {
      const events = await (await connect(cli, options)).history(udid);
      if (options.json) printJson(cli.out, { events });
      else cli.out.write(events.length > 0 ? table([HEADER, ...events.map(rowOf)]) : 'Nothing yet.\n');
    });
}
