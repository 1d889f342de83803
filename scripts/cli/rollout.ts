import { type Command, InvalidArgumentError, Option } from 'commander';
import type { StageGoal } from '../../core/rollouts/plan.js';
import type { RolloutWish } from '../../core/rollouts/read-plan.js';
import { print } from '../client/io.js';
import type { RolloutView } from '../client/model.js';
import type { Cli } from './context.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { readSpan } from './spans.js';
import { type Row, table } from './table.js';
import { count, printJson } from './text.js';

interface StartOptions extends ServerOptions {
  readonly stages?: readonly StageGoal[];
  readonly platform?: string;
  readonly tags?: string;
  readonly versions?: string;
  readonly udids?: string;
  readonly rate?: number;
  readonly window?: RolloutWish['window'];
  readonly deadline?: number;
  readonly probation?: number;
  readonly retries?: number;
  readonly approval?: RolloutWish['approval'];
}

/** Reads `1,1%,10%,100%`. */
function readStages(text: string): StageGoal[] {
  return text.split(',').map((part) => {
    const [, number, sign] = /^\s*(\d+(?:\.\d+)?)\s*(%?)\s*$/.exec(part) ?? [];
    if (number === undefined || (sign === '' && !Number.isInteger(Number(number))))
      throw new InvalidArgumentError('Stages are counts or percentages, such as 1,1%,10%,100%.');
    return sign === '%' ? { percent: Number(number) } : { devices: Number(number) };
  });
}

const DAY = '(?:mon|tue|wed|thu|fri|sat|sun)';
const WINDOW = new RegExp(`^(?:(${DAY}(?:,${DAY})*) )?(\\d\\d:\\d\\d)-(\\d\\d:\\d\\d)(?: (\\S+))?$`);

/** Reads `mon,tue 02:00-05:00 Europe/Prague`. */
function readWindow(text: string): NonNullable<RolloutWish['window']> {
  const [, days, from, to, timeZone] = WINDOW.exec(text) ?? [];
  if (from === undefined || to === undefined)
    throw new InvalidArgumentError(
      'It must be like "mon,tue 02:00-05:00 Europe/Prague"; days and place may be missing.',
    );
  return {
    ...(days !== undefined && {
      days: days.split(',') as NonNullable<NonNullable<RolloutWish['window']>['days']>,
    }),
    from,
    to,
    ...(timeZone !== undefined && { timeZone }),
  };
}

function readRate(text: string): number {
  const rate = Number(text);
  if (!(rate > 0)) throw new InvalidArgumentError('It must be a number of devices above 0.');
  return rate;
}

const listOf = (text: string): string[] => text.split(',').map((part) => part.trim());
const minutesOf = (seconds: number): number => seconds / 60;

function wishOf(firmware: string, options: StartOptions): RolloutWish {
  const { stages, platform, tags, versions, udids, rate, window, deadline, probation, retries, approval } =
    options;
  return {
    firmware,
    filter: {
      ...(platform !== undefined && { platform }),
      ...(tags !== undefined && { tags: listOf(tags) }),
      ...(versions !== undefined && { versions }),
      ...(udids !== undefined && { udids: listOf(udids) }),
    },
    ...(stages && { stages }),
    ...(rate !== undefined && { ratePerMinute: rate }),
    ...(window && { window }),
    ...(deadline !== undefined && { deadlineMinutes: minutesOf(deadline) }),
    ...(probation !== undefined && { probationMinutes: minutesOf(probation) }),
    ...(retries !== undefined && { retries }),
    ...(approval && { approval }),
  };
}

/** One line for a person: `2.0.0 is running at stage 2 of 5: ..`. */
export function rolloutLine({ version, state, reason, stages }: RolloutView): string {
  const at = stages.findIndex((stage) => stage.state !== 'done') + 1;
  const where = state === 'done' ? '' : ` at stage ${at === 0 ? stages.length : at} of ${stages.length}`;
  return `The rollout of ${version} is ${state}${where}${reason === null ? '' : `: ${reason}`}.`;
}

const HEADER: Row = ['ID', 'VERSION', 'STATE', 'DEVICES', 'INSTALLED', 'FAILED', 'WHY'];

function rowOf({ id, version, state, devices, stages, reason }: RolloutView): Row {
  const sum = (of: (stage: RolloutView['stages'][number]) => number): string =>
    String(stages.reduce((total, stage) => total + of(stage), 0));
  return [
    id,
    version,
    state,
    String(devices),
    sum(({ installed }) => installed),
    sum(({ failed }) => failed),
    reason,
  ];
}

const STAGES: Row = ['STAGE', 'STATE', 'DEVICES', 'INSTALLED', 'FAILED', 'PENDING'];

function show(cli: Cli, rollout: RolloutView, options: ServerOptions): void {
  if (options.json) {
    printJson(cli.out, { rollout });
    return;
  }
  print(cli.out, rolloutLine(rollout));
  const rows = rollout.stages.map(
    ({ state, devices, installed, failed, pending }, i): Row => [
      String(i + 1),
      state,
      ...[devices, installed, failed, pending].map(String),
    ],
  );
  cli.out.write(table([STAGES, ...rows]));
}

async function log(cli: Cli, options: ServerOptions): Promise<void> {
  for await (const line of (await connect(cli, options)).rolloutLog())
    cli.out.write(`${JSON.stringify(line)}\n`);
}

/** `firmwire rollout start`, `list`, `show`, `pause`, `resume`, `advance`, `abort` and `log` */
export function addRollout(program: Command, cli: Cli): void {
  const rollout = program.command('rollout').description('bring firmware to many devices in stages');
  withServerOptions(
    rollout
      .command('start')
      .description('roll out firmware that was published with --rollout none')
      .argument('<firmware>', 'the firmware, as "firmwire firmware" lists it')
      .option('--stages <list>', 'how many devices have it at the end of each: 1,1%,10%,100%', readStages)
      .option('--platform <platform>', 'only devices of this platform')
      .option('--tags <tags>', 'only devices with all of these tags, comma separated')
      .option('--versions <range>', 'only devices that run one of these versions: ">=1.2 <2"')
      .option('--udids <list>', 'only these devices, comma separated')
      .option('--rate <devices>', 'so many devices a minute at most', readRate)
      .option('--window <window>', 'when: "mon,tue 02:00-05:00 Europe/Prague"', readWindow)
      .option('--deadline <span>', 'silence for so long is a failure: 24h', readSpan)
      .option('--probation <span>', 'how long a device is watched: 2h', readSpan)
      .option('--retries <number>', 'how often a device may try again', Number)
      .addOption(
        new Option('--approval <who>', 'who has to say yes').choices(['none', 'once', 'stage', 'device']),
      ),
  ).action(async (firmware: string, options: StartOptions) => {
    const api = await connect(cli, options);
    show(cli, await api.startRollout(wishOf(firmware, options)), options);
  });
  withServerOptions(rollout.command('list'))
    .description('list the rollouts')
    .action(async (options: ServerOptions) => {
      const rollouts = await (await connect(cli, options)).rollouts();
      if (options.json) printJson(cli.out, { rollouts });
      else
        cli.out.write(rollouts.length > 0 ? table([HEADER, ...rollouts.map(rowOf)]) : 'No rollouts yet.\n');
    });
  withServerOptions(rollout.command('show'))
    .description('how a rollout stands, stage by stage')
    .argument('<id>', 'the rollout')
    .action(async (id: string, options: ServerOptions) =>
      show(cli, await (await connect(cli, options)).rollout(id), options),
    );
  for (const [verb, description] of [
    ['pause', 'let no more devices in'],
    ['resume', 'go on after a pause'],
    ['advance', 'approve the stage that waits for it, or let the open one pass as it is'],
  ] as const)
    withServerOptions(rollout.command(verb))
      .description(description)
      .argument('<id>', 'the rollout')
      .action(async (id: string, options: ServerOptions) =>
        show(cli, await (await connect(cli, options)).changeRollout(id, verb), options),
      );
  withServerOptions(
    rollout
      .command('abort')
      .description('end it: offers are taken back and tokens die')
      .argument('<id>', 'the rollout')
      .option('--finish-downloads', 'downloads under way may finish'),
  ).action(async (id: string, options: ServerOptions & { finishDownloads?: true }) => {
    const api = await connect(cli, options);
    const body = options.finishDownloads ? { downloads: 'finish' } : undefined;
    show(cli, await api.changeRollout(id, 'abort', body), options);
  });
  withServerOptions(rollout.command('log'))
    .description('every decision, by whom and why, as JSON lines')
    .action((options: ServerOptions) => log(cli, options));
}

/** `firmwire rollback` */
export function addRollback(program: Command, cli: Cli): void {
  withServerOptions(program.command('rollback'))
    .description('send the firmware they ran before to the devices that took that of a rollout')
    .argument('<rollout>', 'the rollout, as "firmwire rollout list" shows it')
    .action(async (id: string, options: ServerOptions) => {
      const { ordered, unknown } = await (await connect(cli, options)).rollBack(id);
      if (options.json) return printJson(cli.out, { ordered, unknown });
      print(cli.out, `${count(ordered, 'device')} will get back what they ran before.`);
      if (unknown > 0)
        print(cli.out, `${count(unknown, 'device')} cannot: their earlier firmware is not here any more.`);
    });
}
