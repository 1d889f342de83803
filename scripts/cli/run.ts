import { Command } from 'commander';
import { print } from '../client/io.js';
import { addBackup } from './backup.js';
import { addConnect } from './connect.js';
import type { Cli } from './context.js';
import { addDemo } from './demo.js';
import { addDevices } from './devices.js';
import { endingOf } from './failures.js';
import { addFirmware } from './firmware.js';
import { addHistory } from './history.js';
import { addKey } from './key.js';
import { addKeygen } from './keygen.js';
import { addOwner } from './owner.js';
import { addPublish } from './publish.js';
import { addReplies } from './reply.js';
import { addRestore } from './restore.js';
import { addServe } from './serve.js';
import { addSign } from './sign.js';
import { addSimulate } from './simulate.js';
import { addStore } from './store-accept.js';
import { addTrust } from './trust.js';
import { addUpdate } from './update.js';
import { readVersion } from './version.js';
import { addWithdraw } from './withdraw.js';

/** The order in which the help lists them: as a new user needs them. */
const COMMANDS: readonly ((program: Command, cli: Cli) => void)[] = [
  addServe,
  addPublish,
  addDevices,
  addHistory,
  addFirmware,
  addWithdraw,
  addUpdate,
  addReplies,
  addOwner,
  addKey,
  addKeygen,
  addSign,
  addTrust,
  addStore,
  addBackup,
  addRestore,
  addConnect,
  addSimulate,
  addDemo,
];

function createProgram(cli: Cli): Command {
  const program = new Command('firmwire')
    .description('Firmware updates for devices that speak MQTT.')
    .version(readVersion(), '-V, --version', 'print the version of firmwire')
    .exitOverride()
    // Errors are printed by `run`, in one line; help goes to stdout only when it was asked for.
    .configureOutput({ writeOut: (text) => cli.out.write(text), writeErr: () => {} })
    // Else `publish --version 1.1.0` would print the version of firmwire.
    .enablePositionalOptions();
  for (const add of COMMANDS) add(program, cli);
  return program;
}

/**
 * Runs one command and returns the exit code: 0 done, 1 failed, 2 wrong use. After a failure stderr holds one
 * line that says what is wrong.
 * @param args the command line without the program's own name
 */
export async function run(args: readonly string[], cli: Cli): Promise<number> {
  try {
    await createProgram(cli).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    const { exitCode, text } = endingOf(error);
    if (text !== undefined) print(cli.err, text);
    return exitCode;
  }
}
