import { type Command, Option } from 'commander';
import { print } from '../client/io.js';
import type { KeyView, NewKey, NewKeyWish } from '../client/model.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { readEnd, readSpan } from './spans.js';
import { type Row, table } from './table.js';
import { printJson, time } from './text.js';

interface AddOptions extends ServerOptions, Omit<NewKeyWish, 'expiresAt'> {
  readonly expires?: string;
}

interface RotateOptions extends ServerOptions {
  readonly overlap: number;
}

const HEADER: Row = ['ID', 'ALIAS', 'SCOPE', 'DEVICE', 'MADE', 'ENDS'];

const rowOf = (key: KeyView): Row => [
  key.id,
  key.alias,
  key.scope,
  key.device ?? 'any',
  time(key.createdAt),
  key.expiresAt === null ? 'never' : time(key.expiresAt),
];

function printNew(cli: Cli, { id, scope, secret }: NewKey): void {
  print(cli.out, `Key ${id}, scope ${scope}, shown this once:`);
  print(cli.out, secret);
}

async function add(cli: Cli, options: AddOptions): Promise<void> {
  const { alias, scope, device, expires } = options;
  const key = await (await connect(cli, options)).addKey({
    alias,
    scope,
    ...(device !== undefined && { device }),
    ...(expires !== undefined && { expiresAt: expires }),
  });
  if (options.json) printJson(cli.out, { key });
  else printNew(cli, key);
}

async function rotate(cli: Cli, id: string, options: RotateOptions): Promise<void> {
  const rotated = await (await connect(cli, options)).rotateKey(id, options.overlap);
  if (options.json) return printJson(cli.out, rotated);
  printNew(cli, rotated.key);
  const { expiresAt } = rotated.replaced;
  print(cli.out, `Key ${id} ends at ${expiresAt === null ? 'no time' : time(expiresAt)}.`);
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

/** `firmwire key add`, `list`, `rotate` and `revoke` */
export function addKey(program: Command, cli: Cli): void {
  const key = program.command('key').description('API keys, of devices and of owners');
  withServerOptions(
    key
      .command('add')
      .description('make a key; it is shown this once')
      .requiredOption('--alias <alias>', 'what to call it')
      .addOption(
        new Option(
          '--scope <scope>',
          'device: check-in and downloads; publish: firmware; read: seeing; owner: everything',
        )
          .choices(['device', 'owner', 'publish', 'read'])
          .makeOptionMandatory(),
      )
      .option('--device <udid>', 'the only device it is good for (scope device)')
      .option(
        '--expires <when>',
        'a date or a span (90d): when it ends, and what was opened with it',
        readEnd,
      ),
  ).action((options: AddOptions) => add(cli, options));
  withServerOptions(key.command('list'))
    .description('list the keys, without their secrets')
    .action((options: ServerOptions) => list(cli, options));
  withServerOptions(key.command('rotate'))
    .description('make the next key for what uses this one, which ends a while later')
    .argument('<id>', 'the key, as "firmwire key list" shows it')
    .option('--overlap <span>', 'how long both are good: 7d, 12h, 30m, 0s', readSpan, 86_400)
    .action((id: string, options: RotateOptions) => rotate(cli, id, options));
  withServerOptions(key.command('revoke'))
    .description('take a key away and end what was opened with it')
    .argument('<id>', 'the key, as "firmwire key list" shows it')
    .action((id: string, options: ServerOptions) => revoke(cli, id, options));
}
