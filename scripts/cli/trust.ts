import { basename } from 'node:path';
import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { SignerView } from '../client/model.js';
import type { Cli } from './context.js';
import { UsageError } from './failures.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { type Row, table } from './table.js';
import { printJson, time } from './text.js';

interface TrustOptions extends ServerOptions {
  readonly alias?: string;
  readonly remove?: string;
}

/** Some lines of PEM. */
const MOST_BYTES = 1024;

const HEADER: Row = ['ID', 'ALIAS', 'PUBLIC KEY', 'SINCE'];

const rowOf = ({ id, alias, publicKey, createdAt }: SignerView): Row => [
  id,
  alias,
  publicKey,
  time(createdAt),
];

async function add(cli: Cli, file: string, options: TrustOptions): Promise<void> {
  const { readSmall } = await import('../signing/key-files.js');
  const { readPublicKey } = await import('../../core/signing/keys.js');
  const publicKey = (await readSmall(file, MOST_BYTES)).toString();
  // Here, before anything is sent: it may be the private one.
  readPublicKey(publicKey);
  const alias = options.alias ?? basename(file, '.pub');
  const signer = await (await connect(cli, options)).addSigner({ alias, publicKey });
  if (options.json) printJson(cli.out, { signer });
  else print(cli.out, `Firmware that ${signer.alias} (${signer.id}) signs is trusted.`);
}

async function list(cli: Cli, options: TrustOptions): Promise<void> {
  const signers = await (await connect(cli, options)).signers();
  if (options.json) printJson(cli.out, { signers });
  else
    cli.out.write(signers.length > 0 ? table([HEADER, ...signers.map(rowOf)]) : 'No key is trusted yet.\n');
}

async function remove(cli: Cli, id: string, options: TrustOptions): Promise<void> {
  await (await connect(cli, options)).removeSigner(id);
  if (options.json) printJson(cli.out, { id });
  else print(cli.out, `${id} is trusted no longer; what it signed is offered no more.`);
}

/** `firmwire trust` */
export function addTrust(program: Command, cli: Cli): void {
  withServerOptions(
    program
      .command('trust')
      .description('trust a key to sign firmware; without a file, list the keys that are')
      .argument('[file]', 'the public key, as firmwire keygen wrote it')
      .option('--alias <alias>', 'what to call it (default: the name of the file)')
      .option('--remove <id>', 'trust this key no longer: what it signed is offered no more'),
  ).action((file: string | undefined, options: TrustOptions) => {
    if (options.remove !== undefined && file !== undefined)
      throw new UsageError('either a file to trust, or --remove');
    if (options.remove !== undefined) return remove(cli, options.remove, options);
    return file === undefined ? list(cli, options) : add(cli, file, options);
  });
}
