import { type Command, Option } from 'commander';
import { print } from '../client/io.js';
import type { KeyScope, KeyView } from '../client/model.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { type Row, table } from './table.js';
import { printJson, time } from './text.js';

interface AddOptions extends ServerOptions {
  readonly alias: string;
  readonly scope: KeyScope;
}

const HEADER: Row = ['ID', 'ALIAS', 'SCOPE', 'MADE'];

const rowOf = (key: KeyView): Row => [key.id, key.alias, key.scope, time(key.createdAt)];

async function add(cli: Cli, options: AddOptions): Promise<void> {
  const key = await (await connect(cli, options)).addKey(options.alias, options.scope);
  if (options.json) return printJson(cli.out, { key });
  print(cli.out, `Key ${key.id}, scope ${key.scope}, shown this once:`);
  print(cli.out, key.secret);
}

async function list(cli: Cli, options: ServerOptions): Promise<void> {
  const keys = await (await connect(cli, options)).keys();
  if (options.json) printJson(cli.out, { keys });
  else cli.out.write(table([HEADER, ...keys.map(rowOf)]));
}

async function revoke(cli: Cli, id: string, options: ServerOptions): Promise<void> {
  await (await connect(cli, options)).revokeKey(id);
  if (options.json) printJson(cli.out, { id });
  else print(cli.out, `Revoked ${id}.`);
}

/** `firmwire key add`, `list` and `revoke` */
export function addKey(program: Command, cli: Cli): void {
  const key = program.command('key').description('API keys, of devices and of owners');
  withServerOptions(
    key
      .command('add')
      .description('make a key; it is shown this once')
      .requiredOption('--alias <alias>', 'what to call it')
      .addOption(
        new Option('--scope <scope>', 'device: check-in and downloads; owner: everything')
          .choices(['device', 'owner'])
          .makeOptionMandatory(),
      ),
  ).action((options: AddOptions) => add(cli, options));
  withServerOptions(key.command('list'))
    .description('list the keys, without their secrets')
    .action((options: ServerOptions) => list(cli, options));
  withServerOptions(key.command('revoke'))
    .description('take a key away and end what was opened with it')
    .argument('<id>', 'the key, as "firmwire key list" shows it')
    .action((id: string, options: ServerOptions) => revoke(cli, id, options));
}
