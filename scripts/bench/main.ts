/** `npm run bench`: measures Firmwire beside its peers on this machine. Ends with 1 and one sentence if it cannot. */

import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { readCount } from '../cli/numbers.js';
import { isInstalled } from '../dev/tools.js';
import { endWhenUnread } from '../pipe.js';
import { exitOnSignals } from '../signals.js';
import { Bench } from './bench.js';
import { allowedCores, type Cores, machineName } from './machine.js';
import type { Outcome, Scenario } from './model.js';
import { describeShares } from './profile.js';
import {
  type Circumstances,
  describeCircumstances,
  describeOutcomes,
  describeSample,
  jsonLine,
} from './report.js';
import { Noise, RoundFailure, runScenario } from './run.js';
import { SCENARIOS } from './scenarios/index.js';

interface Options {
  readonly rounds: number;
  readonly list?: boolean;
  readonly json?: string;
  readonly profile?: string;
}

/** What the person can do something about; said without a stack. */
class Refusal extends Error {}

const say = (text: string): void => void process.stdout.write(text);

const listOf = (scenarios: readonly Scenario[]): string =>
  scenarios.map(({ name, what }) => `${name.padEnd(24)}${what}\n`).join('');

/** All that begin with one of these parts. @throws Refusal if one of them is the beginning of none */
function scenariosOf(parts: readonly string[]): readonly Scenario[] {
  const strange = parts.find((part) => !SCENARIOS.some(({ name }) => name.startsWith(part)));
  if (strange !== undefined) throw new Refusal(`No scenario is called ${strange}; see --list.`);
  return SCENARIOS.filter(({ name }) => parts.length === 0 || parts.some((part) => name.startsWith(part)));
}

/** @throws Refusal if server and load cannot have a core each */
function coresOf(): Cores {
  if (!isInstalled('taskset')) throw new Refusal('The bench needs taskset: install util-linux.');
  const [server, load] = allowedCores();
  if (server === undefined || load === undefined)
    throw new Refusal('The bench needs two cores, one for the server and one for the load; there is one.');
  return { server, load };
}

/** However the program ends, nothing that it has started stays behind. */
function newBench(cores: Cores, profile: string | undefined): Bench {
  const bench = new Bench({
    cores,
    profiles: profile === undefined ? undefined : resolve(profile),
    onProfile: (shares) => say(`       main thread: ${describeShares(shares)}\n`),
  });
  process.once('exit', () => bench.close());
  exitOnSignals();
  return bench;
}

async function run(scenarios: readonly Scenario[], bench: Bench, rounds: number) {
  const noise = new Noise();
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    say(`${scenario.name}: ${scenario.what}\n`);
    const outcome = await runScenario(scenario, {
      bench,
      rounds,
      noise,
      onRound: (contender, round, sample) =>
        say(`  ${round}/${rounds} ${contender}: ${describeSample(sample)}\n`),
    });
    outcomes.push(outcome);
  }
  return { noise, outcomes };
}

async function measure(parts: readonly string[], { rounds, list, json, profile }: Options): Promise<void> {
  if (list) {
    say(listOf(SCENARIOS));
    return;
  }
  const scenarios = scenariosOf(parts);
  const cores = coresOf();
  // Now rather than after ten minutes, if it cannot be written.
  if (json !== undefined) await appendFile(json, '');
  const { noise, outcomes } = await run(scenarios, newBench(cores, profile), rounds);
  const circumstances: Circumstances = {
    date: new Date().toISOString(),
    machine: machineName(),
    node: process.versions.node,
    rounds,
    calibration: noise.calibration,
    stolenPercent: noise.stolenPercent,
  };
  const line = `${jsonLine(circumstances, outcomes)}\n`;
  say(`\n${describeOutcomes(outcomes)}${describeCircumstances(circumstances)}${line}`);
  if (json !== undefined) await appendFile(json, line);
}

/** What nobody foresaw keeps its stack, because it has to be repaired here. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof RoundFailure) return `${error.message}: ${sentenceOf(error.cause)}`;
  const isExpected = error instanceof Refusal || 'syscall' in error;
  return isExpected ? error.message : (error.stack ?? error.message);
}

endWhenUnread();

try {
  await new Command('bench')
    .description('Measures Firmwire beside mosquitto, nginx, bare Aedes and bare node:http on this machine.')
    .argument('[scenario...]', 'scenarios by name or the beginning of it; all without')
    .option('--rounds <n>', 'rounds with each contender', readCount, 3)
    .option('--list', 'list the scenarios and end')
    .option('--json <file>', 'also append the line of JSON to this file')
    .option(
      '--profile <dir>',
      'leave a V8 CPU profile of every Firmwire server in this folder, and say what took its time',
    )
    .action(measure)
    .parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${sentenceOf(error)}\n`);
  process.exitCode = 1;
}
