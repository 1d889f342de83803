import type { Command } from 'commander';
import { print } from '../client/io.js';
import type { RolloutView } from '../client/model.js';
import type { Cli } from './context.js';
import { type PlanOptions, planOptions, wishOf } from './plan-options.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { type Row, table } from './table.js';
import { count, printJson } from './text.js';

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
    planOptions(
      rollout
        .command('start')
        .description('roll out firmware that was published with --rollout none')
        .argument('<firmware>', 'the firmware, as "firmwire firmware" lists it'),
    ),
  ).action(async (firmware: string, options: PlanOptions & ServerOptions) => {
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
        print(cli.out, `${count(unknown, 'device')} cannot: what they ran before is not here.`);
    });
}
