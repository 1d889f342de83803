/** `npm run bench`: measures Firmwire beside its peers on this machine. */
import { Command } from 'commander';
import { readCount } from '../cli/numbers.js';
import { machineName } from './machine.js';
import type { Outcome, Sample } from './model.js';
import { type Circumstances, describeCircumstances, describeOutcome, jsonLine } from './report.js';
import { Noise, runScenario } from './run.js';
import { SCENARIOS } from './scenarios/index.js';

interface Options {
  readonly rounds: number;
  readonly list?: boolean;
}

const say = (text: string): void => void process.stdout.write(text);

const describeSample = (sample: Sample): string =>
  Object.entries(sample)
    .map(([name, value]) => `${name} ${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}`)
    .join(', ');

async function bench(names: readonly string[], { rounds, list }: Options): Promise<void> {
  if (list) {
    for (const { name, what } of SCENARIOS) say(`${name.padEnd(24)}${what}\n`);
    return;
  }
  const chosen = SCENARIOS.filter(
    ({ name }) => names.length === 0 || names.some((part) => name.startsWith(part)),
  );
  if (chosen.length === 0) throw new Error(`No scenario is called ${names.join(' or ')}; see --list.`);
  const noise = new Noise();
  const outcomes: Outcome[] = [];
  for (const scenario of chosen) {
    const outcome = await runScenario(scenario, rounds, noise, (contender, round, sample) =>
      say(`  ${scenario.name} ${round}/${rounds} ${contender}: ${describeSample(sample)}\n`),
    );
    outcomes.push(outcome);
    say(`\n${describeOutcome(outcome)}\n`);
  }
  const circumstances: Circumstances = {
    date: new Date().toISOString(),
    machine: machineName(),
    node: process.versions.node,
    rounds,
    calibration: noise.calibration,
    stolenPercent: noise.stolenPercent,
  };
  say(describeCircumstances(circumstances));
  say(`${jsonLine(circumstances, outcomes)}\n`);
}

await new Command('bench')
  .description('Measures Firmwire beside mosquitto, nginx, bare Aedes and bare node:http on this machine.')
  .argument('[scenario...]', 'scenarios by name or the beginning of it; all without')
  .option('--rounds <n>', 'rounds with each contender', readCount, 3)
  .option('--list', 'list the scenarios and end')
  .action(bench)
  .parseAsync();
