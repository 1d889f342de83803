/** `npm run bench:rtm`: how the owner's page keeps up with a large fleet, in Debian's Chromium. */

import { appendFile, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { readCount } from '../../cli/numbers.js';
import { endWhenUnread } from '../../pipe.js';
import { exitOnSignals } from '../../signals.js';
import { Bench } from '../bench.js';
import { allowedCores, machineName } from '../machine.js';
import { Noise } from '../run.js';
import { measure } from './measure.js';
import { describe } from './report.js';

interface Options {
  readonly devices: number;
  readonly json?: string;
  readonly profile?: string;
}

const say = (text: string): void => void process.stdout.write(text);

/** However the program ends, nothing that it has started stays behind; playwright-core ends the browser likewise. */
function newBench(): Bench {
  const [server = 0, load = server] = allowedCores();
  const bench = new Bench({ cores: { server, load } });
  process.once('exit', () => bench.close());
  exitOnSignals();
  return bench;
}

async function run({ devices, json, profile }: Options): Promise<void> {
  if (json !== undefined) await appendFile(json, '');
  if (profile !== undefined) await mkdir(profile, { recursive: true });
  const noise = new Noise();
  noise.probe();
  const measured = await measure(newBench(), devices, profile === undefined ? undefined : resolve(profile));
  noise.probe();
  const cores = allowedCores().length;
  const circumstances = {
    date: new Date().toISOString(),
    machine: machineName(),
    node: process.versions.node,
    calibration: noise.calibration,
    stolenPercent: noise.stolenPercent,
  };
  const line = `${JSON.stringify({ ...circumstances, ...measured })}\n`;
  say(`${describe(measured)}\n${circumstances.date}, ${circumstances.machine}, Node ${circumstances.node}. `);
  say(`Server, devices and browser share ${cores} cores: a gap may be another process's turn.\n${line}`);
  if (json !== undefined) await appendFile(json, line);
}

endWhenUnread();

try {
  await new Command('bench:rtm')
    .description("Measures the owner's page with a large fleet in Chromium.")
    .option('--devices <n>', 'devices of the fleet', readCount, 10_000)
    .option('--json <file>', 'also append the line of JSON to this file')
    .option('--profile <dir>', 'leave CPU profiles of the page in this folder')
    .action(run)
    .parseAsync();
} catch (error) {
  process.stderr.write(
    `bench:rtm: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
}
