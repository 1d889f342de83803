/** How many devices have the firmware at the end of a stage, counted from the beginning; a percentage is one of the whole. */
export type StageGoal = { readonly devices: number } | { readonly percent: number };

/**
 * Who approves: `none`: each device as ever, by its auto update or its owner's answer; `once`: the owner lets the rollout begin, which is
 * the consent for all of its devices; `stage`: the same for each stage; `device`: the owner is asked about each device,
 * whatever its auto update says.
 */
export type Approval = 'none' | 'once' | 'stage' | 'device';

/** When devices may be offered the firmware, in the time of a place. */
export interface OfferWindow {
  /** `mon` to `sun`; empty: every day. The day on which the window opens counts. */
  readonly days: readonly Weekday[];
  /** `HH:MM`. */
  readonly from: string;
  /** `HH:MM`, exclusive; earlier than `from`: on the next day. */
  readonly to: string;
  /** A name of the IANA database, such as `Europe/Prague`. */
  readonly timeZone: string;
}

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Which of the devices that the firmware is meant for. Every condition holds; an empty one holds for all. */
export interface RolloutFilter {
  readonly platform: string | undefined;
  readonly tags: readonly string[];
  /** A range of installed versions (semver). */
  readonly versions: string | undefined;
  readonly udids: readonly string[];
}

/** What a rollout is to be. Times are ms, thresholds shares from 0 to 1. */
export interface RolloutPlan {
  readonly filter: RolloutFilter;
  /** At least one, each with more devices than the one before. */
  readonly stages: readonly StageGoal[];
  /** Devices that may be let in each minute; undefined: all that a stage has room for. */
  readonly ratePerMinute: number | undefined;
  readonly window: OfferWindow | undefined;
  /** A device that was told and has not come back with the firmware by then has failed. */
  readonly deadlineMs: number;
  /** How long a device is watched after it came back with the firmware. */
  readonly probationMs: number;
  /** How often a device may try again after a failure. */
  readonly retries: number;
  /** A stage is done once this share of its devices has passed. */
  readonly successThreshold: number;
  /** The rollout is halted once more than this share of a stage's devices has failed. */
  readonly failureThreshold: number;
  readonly approval: Approval;
}

/** 7 % of 100 are a little more than 7 as numbers are kept, and must not be 8. */
const ROUNDING = 1 - 1e-12;

/** How many devices are to have it at the end of this stage. */
export const goalOf = (goal: StageGoal, population: number): number =>
  'devices' in goal ? goal.devices : Math.ceil((goal.percent / 100) * population * ROUNDING);

/**
 * The goals of all stages for so many devices: each stage has at least one device more than the one before as long as there are
 * any, and none more than there are.
 */
export function goalsOf(stages: readonly StageGoal[], population: number): number[] {
  let before = 0;
  return stages.map((stage) => {
    before = Math.min(population, Math.max(before + 1, goalOf(stage, population)));
    return before;
  });
}

/** One device, then 1 %, 10 %, half, all. */
export const SAFE_STAGES: readonly StageGoal[] = [
  { devices: 1 },
  { percent: 1 },
  { percent: 10 },
  { percent: 50 },
  { percent: 100 },
];
