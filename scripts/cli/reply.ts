import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { NoticeResponse } from '../client/model.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { printJson } from './text.js';

interface Answer {
  readonly command: string;
  readonly response: NoticeResponse;
  readonly description: string;
  readonly done: string;
}

/** The open question of a device has the device's UDID for its id (wire.md 5). */
const ANSWERS: readonly Answer[] = [
  {
    command: 'approve',
    response: true,
    description: 'let a device have the update it is waiting for',
    done: 'Approved the update of',
  },
  {
    command: 'decline',
    response: false,
    description: 'keep a device from the version in question',
    done: 'Declined the update of',
  },
  {
    command: 'later',
    response: 'later',
    description: 'be asked again later (notices.postponeHours)',
    done: 'Postponed the update of',
  },
];

/** `firmwire approve`, `decline` and `later`: the answers to the question whether a device may be updated. */
export function addReplies(program: Command, cli: Cli): void {
  for (const { command, response, description, done } of ANSWERS)
    withServerOptions(program.command(command))
      .description(description)
      .argument('<udid>', 'the device')
      .action(async (udid: string, options: ServerOptions) => {
        await (await connect(cli, options)).reply(udid, response);
        if (options.json) printJson(cli.out, { udid, response });
        else print(cli.out, `${done} ${udid}.`);
      });
}
