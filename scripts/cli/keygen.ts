import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { Cli } from './context.js';
import { printJson } from './text.js';

/** `firmwire keygen`: needs no server, and should run where none is. */
export function addKeygen(program: Command, cli: Cli): void {
  program
    .command('keygen')
    .description('make a key that signs firmware; keep it away from the server')
    .requiredOption('--out <file>', 'where the private key goes; the public one goes beside it, with .pub')
    .option('--json', 'print JSON and nothing else')
    .action(async ({ out, json }: { readonly out: string; readonly json?: boolean }) => {
      const { makeKey } = await import('../signing/key-files.js');
      const made = await makeKey(out);
      if (json) return printJson(cli.out, made);
      print(cli.out, `Private key: ${made.privateFile} (keep it offline, and a copy of it)`);
      print(cli.out, `Public key:  ${made.publicFile} (firmwire trust ${made.publicFile})`);
      print(cli.out, `For devices: ${made.publicKey}`);
      print(cli.out, `Its id:      ${made.id}`);
    });
}
