import semver from 'semver';
import { FirmwireError } from '../errors.js';
import { type Approval, type OfferWindow, type RolloutPlan, SAFE_STAGES, type StageGoal } from './plan.js';
import { minuteOf } from './window.js';

const MINUTE_MS = 60_000;

/** What an owner asks for; what is left out has its default. Minutes may be fractions. */
export interface RolloutWish {
  readonly firmware: string;
  readonly filter?: {
    readonly platform?: string;
    readonly tags?: readonly string[];
    /** A semver range. */
    readonly versions?: string;
    readonly udids?: readonly string[];
  };
  readonly stages?: readonly StageGoal[];
  readonly ratePerMinute?: number;
  readonly window?: Partial<OfferWindow> & Pick<OfferWindow, 'from' | 'to'>;
  readonly deadlineMinutes?: number;
  readonly probationMinutes?: number;
  readonly retries?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
  readonly approval?: Approval;
}

/** The defaults of a server (config.yaml, `rollouts`). */
export type PlanDefaults = Pick<
  RolloutPlan,
  'deadlineMs' | 'probationMs' | 'retries' | 'successThreshold' | 'failureThreshold'
>;

/**
 * Completes a wish to a plan.
 * @throws FirmwireError `field_invalid` that names the field
 */
export function readPlan(wish: RolloutWish, defaults: PlanDefaults): RolloutPlan {
  const { filter = {}, stages = SAFE_STAGES } = wish;
  if (filter.versions !== undefined && semver.validRange(filter.versions, { loose: true }) === null)
    throw invalid('filter.versions', 'a range of versions such as ">=1.2 <2"');
  checkStages(stages);
  return {
    filter: {
      platform: filter.platform,
      tags: filter.tags ?? [],
      versions: filter.versions,
      udids: filter.udids ?? [],
    },
    stages,
    ratePerMinute: wish.ratePerMinute,
    window: wish.window && readWindow(wish.window),
    deadlineMs: msOf(wish.deadlineMinutes) ?? defaults.deadlineMs,
    probationMs: msOf(wish.probationMinutes) ?? defaults.probationMs,
    retries: wish.retries ?? defaults.retries,
    successThreshold: wish.successThreshold ?? defaults.successThreshold,
    failureThreshold: wish.failureThreshold ?? defaults.failureThreshold,
    approval: wish.approval ?? 'none',
  };
}

const msOf = (minutes: number | undefined): number | undefined =>
  minutes === undefined ? undefined : Math.round(minutes * MINUTE_MS);

const invalid = (field: string, what: string): FirmwireError =>
  new FirmwireError('field_invalid', `${field}: ${what}`);

/** Counts and percentages rise each among themselves; how they mix depends on the fleet, and goals never shrink. */
function checkStages(stages: readonly StageGoal[]): void {
  if (stages.length === 0) throw invalid('stages', 'at least one is needed');
  const last = { devices: 0, percent: 0 };
  for (const stage of stages) {
    const [kind, value] =
      'devices' in stage ? (['devices', stage.devices] as const) : (['percent', stage.percent] as const);
    if (value <= last[kind]) throw invalid('stages', 'each needs more devices than the one before');
    last[kind] = value;
  }
}

function readWindow(wish: NonNullable<RolloutWish['window']>): OfferWindow {
  const { from, to, days = [], timeZone = 'UTC' } = wish;
  if (minuteOf(from) === minuteOf(to)) throw invalid('window', '"from" and "to" are the same');
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw invalid('window.timeZone', 'a name of the IANA database such as "Europe/Prague"');
  }
  return { days, from, to, timeZone };
}
