import { type Command, InvalidArgumentError, Option } from 'commander';
import { isOwnerId } from '../../core/account.js';
import { MAX_SEQUENCE } from '../../core/signing/manifest.js';
import { print } from '../client/io.js';
import type { Cli } from './context.js';
import { UsageError } from './failures.js';
import { readEnd } from './spans.js';
import { printJson, time } from './text.js';

interface SignOptions {
  readonly key: string;
  readonly version: string;
  readonly platform: string;
  readonly sequence: number;
  readonly owner: string;
  readonly out: string;
  readonly expires: string;
  readonly rollback?: boolean;
  readonly json?: boolean;
}

function readSequence(text: string): number {
  const sequence = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(sequence <= MAX_SEQUENCE))
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_SEQUENCE}.`);
  return sequence;
}

function readOwner(text: string): string {
  if (!isOwnerId(text))
    throw new InvalidArgumentError('It must be the id of the owner, as in credentials.json.');
  return text;
}

async function sign(cli: Cli, files: readonly string[], options: SignOptions): Promise<void> {
  const { signFiles } = await import('../signing/sign-files.js');
  const { key, version, platform, sequence, owner, out, expires, rollback = false, json } = options;
  if (Date.parse(expires) <= Date.now()) throw new UsageError(`--expires: ${time(expires)} has passed`);
  const end = Math.floor(Date.parse(expires) / 1000);
  const manifest = await signFiles({
    files,
    key,
    version,
    platform,
    sequence,
    owner,
    out,
    rollback,
    expires: end,
  });
  if (json) return printJson(cli.out, { out, manifest });
  const what = `${rollback ? 'a rollback to ' : ''}${version} for ${platform}, sequence ${sequence}`;
  print(cli.out, `Signed ${what}, good until ${time(expires)}: ${out}`);
}

/** `firmwire sign`: needs no server, and should run where none is. */
export function addSign(program: Command, cli: Cli): void {
  program
    .command('sign')
    .description('sign firmware: writes a manifest to publish it with')
    .argument('<files...>', 'the files, as they will be published')
    .requiredOption('--key <file>', 'the private key, as firmwire keygen wrote it')
    .requiredOption('--version <version>', 'the version of the firmware')
    .requiredOption('--platform <platform>', 'for devices of this platform, such as arduino:esp8266')
    .requiredOption(
      '--sequence <n>',
      'higher than that of every manifest for this platform before',
      readSequence,
    )
    .requiredOption('--owner <id>', 'whose firmware it is, as in credentials.json', readOwner)
    .requiredOption('--out <file>', 'where the manifest goes')
    .addOption(
      new Option('--expires <when>', 'a date or a span (90d): until when it may be installed')
        .argParser(readEnd)
        .default(readEnd('365d'), 'in 365d'),
    )
    .option('--rollback', 'for devices that run a newer version too')
    .option('--json', 'print JSON and nothing else')
    .action((files: string[], options: SignOptions) => sign(cli, files, options));
}
