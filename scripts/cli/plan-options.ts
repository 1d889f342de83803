import { type Command, InvalidArgumentError, Option } from 'commander';
import type { StageGoal } from '../../core/rollouts/plan.js';
import type { RolloutWish } from '../../core/rollouts/read-plan.js';
import { readSpan } from './spans.js';

/** What a person says about a rollout. */
export interface PlanOptions {
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

/** What the server is asked for. */
export function wishOf(firmware: string, options: PlanOptions): RolloutWish {
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

/** The options by which a rollout is described. */
export const planOptions = (command: Command): Command =>
  command
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
    );
