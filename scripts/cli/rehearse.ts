import { type Command, InvalidArgumentError } from 'commander';
import { readPlan } from '../../core/rollouts/read-plan.js';
import { median } from '../../core/rollouts/statistics.js';
import { print } from '../client/io.js';
import type { DeviceView } from '../client/model.js';
import { modelOf } from '../rehearsal/model.js';
import { type FleetModel, type Result, simulate } from '../rehearsal/run.js';
import type { Cli } from './context.js';
import { UsageError } from './failures.js';
import { readCount } from './numbers.js';
import { type PlanOptions, planOptions, wishOf } from './plan-options.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { type Row, table } from './table.js';
import { count, printJson, size } from './text.js';

const MINUTE = 60_000;
const PAGE = 1000;
/** The server's own, unless its operator has changed them: they can be said. */
const DEFAULTS = {
  deadlineMs: 1440 * MINUTE,
  probationMs: 120 * MINUTE,
  retries: 2,
  successThreshold: 0.9,
  failureThreshold: 0.1,
};

interface RehearseOptions extends ServerOptions, PlanOptions {
  readonly bricks: readonly number[];
  readonly seeds: number;
}

/** What came of several rollouts that differ by chance alone. */
interface Rehearsed {
  readonly share: number;
  readonly results: readonly Result[];
}

/** Reads `100%,5%`. */
function readShares(text: string): number[] {
  return text.split(',').map((part) => {
    const share = Number(/^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(part)?.[1]) / 100;
    if (!(share > 0 && share <= 1))
      throw new InvalidArgumentError('Shares are percentages, such as 100%,30%,5%.');
    return share;
  });
}

const hours = (value: number | undefined): string =>
  value === undefined ? '-' : value < 48 ? `${value.toFixed(1)} h` : `${(value / 24).toFixed(1)} days`;
const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;

async function rehearse(
  model: FleetModel,
  options: RehearseOptions,
  firmware: string,
  share: number,
): Promise<Rehearsed> {
  const plan = readPlan(wishOf(firmware, options), DEFAULTS);
  const results: Result[] = [];
  for (let seed = 1; seed <= options.seeds; seed++)
    results.push(await simulate(model, plan, { share, when: 'boot' }, seed));
  return { share, results };
}

const STAGES: Row = ['STAGE', 'ENDS AFTER'];
const BAD: Row = ['BREAKS', 'HALTED', 'LOST, MEDIAN', 'LOST, MOST', 'OF THE FLEET', 'HALTED AFTER'];

function stageRows({ results }: Rehearsed): Row[] {
  const stages = Math.max(0, ...results.map(({ stageEnds }) => stageEnds.length));
  return Array.from({ length: stages }, (_, i) => [
    String(i + 1),
    hours(median(results.flatMap(({ stageEnds }) => stageEnds[i] ?? []))),
  ]);
}

function badRow({ share, results }: Rehearsed, devices: number): Row {
  const halted = results.filter(({ state }) => state === 'halted');
  const most = Math.max(...results.map(({ lost }) => lost));
  return [
    percent(share),
    `${halted.length} of ${results.length}`,
    String(median(results.map(({ lost }) => lost)) ?? 0),
    String(most),
    percent(most / devices),
    hours(median(halted.map(({ hours: after }) => after))),
  ];
}

/** `firmwire rehearse` */
export function addRehearse(program: Command, cli: Cli): void {
  const command = program
    .command('rehearse')
    .description('run a rollout in simulated time on a model of your fleet, and change nothing')
    .argument('<firmware>', 'the firmware, as "firmwire firmware" lists it')
    .option(
      '--bricks <shares>',
      'firmware that breaks such shares of what it reaches',
      readShares,
      [1, 0.3, 0.05],
    )
    .option('--seeds <number>', 'how often, each time by another chance', readCount, 5);
  withServerOptions(planOptions(command)).action(async (id: string, options: RehearseOptions) => {
    const api = await connect(cli, options);
    const firmware = (await api.firmware()).find((each) => each.id === id);
    if (!firmware) throw new UsageError(`${id}: there is no such firmware`);
    const devices: DeviceView[] = [];
    for await (const device of api.devices(PAGE)) devices.push(device);
    const { filter } = readPlan(wishOf(id, options), DEFAULTS);
    const model = modelOf(devices, firmware, filter, Date.now());
    if (model.devices.length === 0) throw new UsageError(`${firmware.version} is an update for no device`);
    const good = await rehearse(model, options, id, 0);
    const bad: Rehearsed[] = [];
    for (const share of options.bricks) bad.push(await rehearse(model, options, id, share));
    if (options.json)
      return printJson(cli.out, { devices: model.devices.length, flakiness: model.flakiness, good, bad });
    const peak = median(good.results.map(({ peak: most }) => most)) ?? 0;
    print(
      cli.out,
      `${firmware.version} for ${count(model.devices.length, 'device')}, of which ${percent(model.flakiness)} are away at any time; ${count(options.seeds, 'rollout')} each.`,
    );
    cli.out.write(table([STAGES, ...stageRows(good)]));
    print(cli.out, `At most ${size(Math.round(peak))} a second are downloaded, over five minutes.`);
    print(cli.out, '');
    cli.out.write(table([BAD, ...bad.map((each) => badRow(each, model.devices.length))]));
  });
}
