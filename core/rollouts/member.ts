import type { Device } from '../device.js';
import { sameVersion } from '../version.js';
import type { RolloutPlan } from './plan.js';
import type { Grant } from './rollout.js';

/**
 * Where a device stands in a rollout: `pending`: it was let in and has not taken the firmware; `away`: it took it and has not come
 * back with it; `probation`: it came back and is watched; `passed`; `failed`; `excused`: it says nothing about the firmware.
 */
export type MemberState = 'pending' | 'away' | 'probation' | 'passed' | 'failed' | 'excused';

/** Why: the same names everywhere, docs/rollouts.md lists them. */
export type MemberReason =
  | 'silent'
  | 'missing'
  | 'fell_back'
  | 'unstable'
  | 'gave_up'
  | 'quarantined'
  | 'asked'
  | 'declined'
  | 'postponed'
  | 'never_online'
  | 'not_concerned'
  | 'withdrawn'
  | 'ordered_away';

/** A device as the judge sees it now. */
export interface Standing {
  readonly state: MemberState;
  readonly reason: MemberReason | undefined;
  /** It behaves as a device does that the firmware has broken, and may still come back. */
  readonly isSuspect: boolean;
}

/** How much longer than usual a device may be silent before that is suspicious. */
export const PATIENCE = 4;
/** Less silence than this is never suspicious, ms: a device restarts, finds its network, and connects. */
const LEAST_PATIENCE_MS = 10 * 60_000;
/** So often a device may come back during its probation, whatever it used to do: it restarts once or twice after an update. */
const FREE_RETURNS = 5;

export interface Circumstances {
  readonly now: number;
  readonly isOnline: (udid: string) => boolean;
  /** What is usual for a device that has no past of its own: its platform's, ms. */
  readonly usualOf: (device: Device) => number;
}

const standing = (state: MemberState, reason?: MemberReason, isSuspect = false): Standing => ({
  state,
  reason,
  isSuspect,
});

/** How long this device may be silent before that is suspicious, ms. */
export const patienceWith = (device: Device, usualOf: Circumstances['usualOf']): number =>
  Math.max(LEAST_PATIENCE_MS, PATIENCE * (device.rhythm?.silence ?? usualOf(device)));

/**
 * Where a device stands. Follows from its record, the plan and the time alone, so that a restart changes nothing. Silence is failure
 * at the deadline; whoever was not told, was asked, or said no has not failed.
 */
export function standingOf(
  device: Device,
  grant: Grant,
  version: string,
  plan: RolloutPlan,
  circumstances: Circumstances,
): Standing {
  const { now } = circumstances;
  if (device.quarantine) return standing('failed', 'quarantined');
  const update = device.update?.firmware === grant.firmware ? device.update : undefined;
  const runsIt = device.version !== undefined && sameVersion(device.version, version);
  if (grant.installedAt !== undefined && !runsIt)
    return hasOther(device, grant)
      ? standing('excused', 'ordered_away')
      : standing('failed', 'fell_back', true);
  if (grant.installedAt !== undefined)
    return onProbation(device, grant.installedAt, grant, plan, circumstances);
  if (!update) return untold(device, grant, plan, circumstances);

  const overdue = (since: number): boolean => now >= since + plan.deadlineMs;
  switch (update.state) {
    case 'asked':
      if (update.postponedUntil !== undefined) return standing('excused', 'postponed');
      // It keeps its place for a while: else a fleet whose owner is asked would be let in whole at once, and may be approved whole.
      return overdue(update.since) ? standing('excused', 'asked') : standing('pending');
    case 'declined':
      return standing('excused', 'declined');
    case 'withdrawn':
      return standing('excused', 'withdrawn');
    case 'approved':
      return untold(device, grant, plan, circumstances);
    case 'failed':
      if (update.attempts > plan.retries) return standing('failed', 'gave_up', true);
      return overdue(Math.max(grant.at, update.attemptEndedAt ?? 0))
        ? standing('failed', 'silent', true)
        : standing('pending');
    case 'offered':
      if (update.proven) return away(device, update.attemptEndedAt ?? update.since, plan, circumstances);
      return overdue(update.since) ? standing('failed', 'silent') : standing('pending');
    case 'downloading':
      if (update.proven) return away(device, update.attemptEndedAt ?? update.since, plan, circumstances);
      return overdue(update.since) ? standing('failed', 'silent') : standing('pending');
    case 'downloaded':
      return away(device, update.attemptEndedAt ?? update.since, plan, circumstances);
    case 'installed':
      return onProbation(device, update.since, grant, plan, circumstances);
  }
}

/** It was let in and has heard nothing of it. */
function untold(device: Device, grant: Grant, plan: RolloutPlan, { now, isOnline }: Circumstances): Standing {
  if (now < grant.at + plan.deadlineMs) return standing('pending');
  // Who was there and could not be told has something in the way, which its own sentence says.
  const wasThere = device.lastSeen > grant.at || isOnline(device.udid);
  return standing('excused', wasThere ? 'not_concerned' : 'never_online');
}

/** It runs something else because it was sent that, or took what was newer. */
function hasOther({ update, version }: Device, grant: Grant): boolean {
  if (!update || update.firmware === grant.firmware) return false;
  if (update.consent === 'forced' || update.consent === 'ordered') return true;
  return update.state === 'installed' && version !== undefined && sameVersion(version, update.version);
}

/** It has all of the firmware and has not come back with it. */
function away(device: Device, since: number, plan: RolloutPlan, { now, usualOf }: Circumstances): Standing {
  if (now >= since + plan.deadlineMs) return standing('failed', 'silent', true);
  return standing('away', undefined, now >= since + patienceWith(device, usualOf));
}

/** It came back with the firmware: it has to stay, as it used to. */
function onProbation(
  device: Device,
  since: number,
  grant: Grant,
  plan: RolloutPlan,
  { now, isOnline, usualOf }: Circumstances,
): Standing {
  const end = since + plan.probationMs;
  // What it does after its end counts no more, whenever it is looked at.
  const silence = isOnline(device.udid) ? 0 : Math.min(now, end) - device.lastSeen;
  const isMissing = silence >= patienceWith(device, usualOf);
  // For the whole probation, however little of it is over: who has failed does not pass later. Returns after it are counted, too.
  if (grant.returns > mostReturns(device, Math.max(plan.probationMs, now - since)))
    return standing('failed', 'unstable', true);
  if (now < end) return standing('probation', undefined, isMissing);
  // It went away during its probation, and may still come back.
  if (isMissing && device.lastSeen < end)
    return now >= device.lastSeen + plan.deadlineMs
      ? standing('failed', 'missing', true)
      : standing('probation', undefined, true);
  return standing('passed');
}

/** How often a device may come back in so many ms: as often as it used to, several times over. */
const mostReturns = (device: Device, ms: number): number =>
  FREE_RETURNS + (device.rhythm?.between === undefined ? 0 : (PATIENCE * ms) / device.rhythm.between);
