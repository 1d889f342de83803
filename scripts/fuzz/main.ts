/** `npm run fuzz -- mqtt|http|json`: throws odd things at a server of its own. Ends with 1 if something was found. */

import { writeFile } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import { readCount } from '../cli/numbers.js';
import { endWhenUnread } from '../pipe.js';
import { exitOnSignals } from '../signals.js';
import { percentile } from '../simulator/percentile.js';
import { type StoredFinding, stored } from './case.js';
import { KINDS, type Kind, type Outcome, replay, run } from './run.js';
import { smallest } from './shrink.js';

interface Options {
  readonly seconds: number;
  readonly seed: string;
  readonly out?: string;
}

/** Each try starts a server, which takes about a second. */
const TRIES = 60;
const MIB = 2 ** 20;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const ms = (value: number): string => `${value.toFixed(0)} ms`;

function describe({ cases, probes, memory: [warm, end] }: Outcome): string {
  const [p50, p99, worst] = [50, 99, 100].map((percent) => percentile(probes, percent));
  const times = `probes: ${probes.length}, median ${ms(p50 ?? 0)}, p99 ${ms(p99 ?? 0)}, slowest ${ms(worst ?? 0)}`;
  return `${cases} cases. ${times}. Held ${(warm / MIB).toFixed(1)} MiB when warm, ${(end / MIB).toFixed(1)} MiB at the end.`;
}

/** The least that makes the same go wrong, as it is kept in test/fuzz/corpus; undefined if it does not happen again. */
async function finding({ found = '', before }: Outcome): Promise<StoredFinding | undefined> {
  say('Looking for the smallest case that does it ..');
  const fails = async (some: Outcome['before']): Promise<boolean> => (await replay(some)) !== undefined;
  if (!(await fails(before))) return undefined;
  const cases = await smallest(before, fails, TRIES);
  return { found, cases: cases.map(stored) };
}

async function fuzz(kind: Kind, { seconds, seed, out }: Options): Promise<void> {
  say(`Fuzzing ${kind} for ${seconds} s with --seed ${seed}.`);
  const outcome = await run(kind, seed, seconds);
  say(describe(outcome));
  if (outcome.found === undefined) {
    say('Nothing was found.');
    return;
  }
  say(`FOUND: ${outcome.found}`);
  process.exitCode = 1;
  const least = await finding(outcome);
  if (!least) {
    say(
      'One after the other these cases do no harm: it takes several at once, or what the whole run has left behind.',
    );
    return;
  }
  const text = `${JSON.stringify(least, null, 2)}\n`;
  if (out === undefined) {
    say(text);
    return;
  }
  await writeFile(out, text);
  say(`The case is in ${out}; once it is mended, keep it in test/fuzz/corpus.`);
}

endWhenUnread();

// What was started ends with this process.
exitOnSignals();

await new Command('fuzz')
  .description('Sends odd packets, requests or JSON to a server of its own, and looks what becomes of it.')
  .addArgument(new Argument('<kind>', 'what is odd').choices(Object.keys(KINDS)))
  .option('--seconds <n>', 'for how long', readCount, 600)
  .option('--seed <text>', 'the same seed sends the same', String(Date.now()))
  .option('--out <file>', 'write what was found into this file')
  .action(fuzz)
  .parseAsync();
