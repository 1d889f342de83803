import type { Device } from './device.js';
import { type Firmware, mismatch } from './firmware.js';
import { isUpdatable, readPlatform } from './platform.js';
import { isLive } from './rollouts/rollout.js';
import { opensAt } from './rollouts/window.js';
import { barOf, sift, standing } from './signing/seal.js';
import { isWithin } from './time.js';
import type { Consent } from './update.js';
import { compareVersions, sameVersion } from './version.js';

/** Rules that the owner of the server may set (config.yaml, `offers`). */
export interface OfferPolicy {
  /** Complete transfers or reported failures after which an update has failed. */
  readonly maxAttempts: number;
  /** The pause after the first attempt, in ms; it doubles with every further one. */
  readonly retryMs: number;
  /** Firmware without a manifest is offered to nobody (`firmware.requireSignature`). */
  readonly requireSignature: boolean;
}

/** Why there is nothing to do for a device. docs/reasons.md lists them; core/why.ts puts them into words. */
export type Reason =
  | 'no_firmware'
  | 'platform_unknown'
  | 'other_platform'
  | 'other_tags'
  | 'other_chip'
  | 'not_released'
  | 'already_newest'
  | 'device_newer'
  | 'declined'
  | 'postponed'
  | 'unsigned'
  | 'signer_untrusted'
  | 'manifest_expired'
  | 'sequence_lower'
  | 'image_too_large'
  | 'unverified'
  | 'retry_pause'
  | 'attempts_used_up'
  | 'waiting_for_stage'
  | 'window_closed'
  | 'rollout_paused'
  | 'rollout_halted'
  | 'quarantined';

/** What is to be done for a device. `offer`: it may have the firmware now. `ask`: its owner has to say. */
export type Decision =
  | { readonly kind: 'offer'; readonly firmware: Firmware; readonly consent: Consent }
  | { readonly kind: 'ask'; readonly firmware: Firmware }
  | Nothing;

/** There is nothing to do, and why. */
export interface Nothing {
  readonly kind: 'none';
  readonly reason: Reason;
  readonly firmware: Firmware | undefined;
  /** When to decide again even if nothing happens, ms. */
  readonly until: number | undefined;
}

const none = (reason: Reason, firmware?: Firmware, until?: number): Nothing => ({
  kind: 'none',
  reason,
  firmware,
  until,
});

/** Newest version first; for one version firmware for this very device first, then the latest upload. */
const byPreference = (a: Firmware, b: Firmware): number =>
  compareVersions(b.version, a.version) ||
  Number(b.udid !== undefined) - Number(a.udid !== undefined) ||
  b.createdAt - a.createdAt;

/** The firmware meant for this device, best first, whether or not it is released or newer. */
export const candidatesFor = (device: Device, all: readonly Firmware[]): Firmware[] =>
  all.filter((firmware) => mismatch(firmware, device) === undefined).sort(byPreference);

/** True if the firmware is an update for what the device runs (wire.md 7). A rollback is one past version order. */
export function isUpdateFor(firmware: Firmware, device: Device): boolean {
  if (device.version === undefined) return true;
  const order = compareVersions(firmware.version, device.version);
  if (order !== 0) return order > 0 || firmware.seal?.rollback === true;
  const taken = device.update?.firmware === firmware.id && device.update.state === 'installed';
  const { envHash } = device;
  if (taken || envHash === undefined || envHash.startsWith('cafebabe')) return false;
  return firmware.envHash !== undefined && firmware.envHash !== envHash;
}

function whyNoCandidate(device: Device, all: readonly Firmware[]): Decision {
  const mine = all.filter((firmware) => firmware.owner === device.owner);
  const misses = new Set(mine.map((firmware) => mismatch(firmware, device)));
  if (misses.has('chip')) return none('other_chip');
  if (misses.has('tags')) return none('other_tags');
  if (mine.length > 0 && !isUpdatable(readPlatform(device.platform))) return none('platform_unknown');
  return misses.has('platform') ? none('other_platform') : none('no_firmware');
}

/** No endless flashing (wire.md 3): what holds back an update that this device has tried already. */
function heldBack(device: Device, firmware: Firmware, now: number, policy: OfferPolicy): Nothing | undefined {
  const { update } = device;
  if (update?.firmware !== firmware.id) return undefined;
  if (update.proven && device.version === undefined) return none('unverified', firmware);
  const { attempts, attemptEndedAt } = update;
  if (attempts >= policy.maxAttempts) return none('attempts_used_up', firmware);
  if (attempts === 0 || attemptEndedAt === undefined) return undefined;
  const pause = policy.retryMs * 2 ** (attempts - 1);
  return isWithin(now, attemptEndedAt, pause)
    ? none('retry_pause', firmware, attemptEndedAt + pause)
    : undefined;
}

/** The most that `notices.postponeHours` may be: a year. */
const LONGEST_POSTPONE_MS = 8760 * 60 * 60 * 1000;

/** How long a device's own forced request stands, ms: as long as a token that has been tried. */
const REQUEST_LIFE_MS = 60 * 60 * 1000;

/** An explicit order for this device, or its own forced request, that is still to be carried out. */
function orderOf(
  device: Device,
  all: readonly Firmware[],
  now: number,
): Extract<Decision, { kind: 'offer' }> | undefined {
  const { update } = device;
  if (update?.state === 'installed') return undefined;
  if (update?.consent !== 'ordered' && update?.consent !== 'forced' && update?.consent !== 'requested')
    return undefined;
  if (update.consent === 'requested' && !isWithin(now, update.since, REQUEST_LIFE_MS)) return undefined;
  const firmware = all.find(({ id, owner }) => id === update.firmware && owner === device.owner);
  if (!firmware || (update.consent === 'ordered' && !isUpdateFor(firmware, device))) return undefined;
  return { kind: 'offer', firmware, consent: update.consent };
}

/**
 * What becomes of an order now; undefined once it is spent, and the newest firmware counts again.
 */
function carryOut(
  order: Extract<Decision, { kind: 'offer' }>,
  device: Device,
  now: number,
  policy: OfferPolicy,
): Decision | undefined {
  const { firmware } = order;
  // The device may have told another platform since it was ordered.
  if (mismatch(firmware, device) === 'chip') return none('other_chip', firmware);
  const bar = barOf(firmware, device, now, policy.requireSignature);
  if (bar) return none(bar, firmware);
  const held = heldBack(device, firmware, now, policy);
  if (held) return held.reason === 'retry_pause' ? held : undefined;
  return isTooLarge(firmware, device) ? none('image_too_large', firmware) : order;
}

const isTooLarge = (firmware: Firmware, device: Device): boolean =>
  device.freeSpace !== undefined && firmware.size > device.freeSpace;

function consentOf(device: Device, firmware: Firmware): Consent | undefined {
  if (device.update?.firmware === firmware.id && device.update.consent === 'approved') return 'approved';
  // Also once it has ended: that was said about each device.
  if (firmware.staging?.approval === 'device') return undefined;
  if (firmware.rollout === 'none' && firmware.staging?.consented && isIn(device, firmware)) return 'approved';
  return device.autoUpdate ? 'auto' : undefined;
}

const hasEnded = ({ staging }: Firmware): boolean =>
  staging?.state === 'halted' || staging?.state === 'aborted';

const hasGrant = ({ grant }: Device, { id, staging }: Firmware): boolean =>
  grant?.firmware === id && staging?.rollout === grant.rollout;

/** True if a rollout has let the device have this firmware, and has not been halted or aborted since. */
const isIn = (device: Device, firmware: Firmware): boolean =>
  hasGrant(device, firmware) && !hasEnded(firmware);

/** True if the device may have it by itself, or its owner said yes to it. */
export const isReleasedTo = (device: Device, firmware: Firmware): boolean =>
  firmware.rollout !== 'none' || isApproved(device, firmware.id) || isIn(device, firmware);

/** What keeps a firmware back that comes by a rollout. */
function stagedBack(firmware: Firmware, now: number): Nothing | undefined {
  const { rollout, staging } = firmware;
  if (rollout !== 'none' || !staging) return undefined;
  if (staging.state === 'paused') return none('rollout_paused', firmware);
  if (hasEnded(firmware)) return none('rollout_halted', firmware);
  const opening = opensAt(staging.window, now);
  return opening === now ? undefined : none('window_closed', firmware, opening);
}

/** A newer firmware is on its way to the fleet, and this device's turn has not come, or it was and the rollout has ended. */
function awaited(device: Device, candidates: readonly Firmware[]): Nothing | undefined {
  const coming = candidates.find(
    (firmware) =>
      firmware.rollout === 'none' &&
      firmware.staging !== undefined &&
      isLive(firmware.staging) &&
      isUpdateFor(firmware, device),
  );
  if (coming) return none('waiting_for_stage', coming);
  const ended = candidates.find(
    (firmware) => hasGrant(device, firmware) && hasEnded(firmware) && isUpdateFor(firmware, device),
  );
  return ended && none('rollout_halted', ended);
}

/** True if a device that asks for this firmware by itself has to be refused: its rollout holds it back. */
export const isHeldBack = (firmware: Firmware, now: number): boolean =>
  stagedBack(firmware, now) !== undefined;

/**
 * Decides what is to be done for a device. Pure: MQTT, HTTP, the page and the command line all call it and all can
 * tell its reason.
 * @param all the owner's firmware, in any order; firmware of other owners is passed over
 * @param now milliseconds since the epoch
 */
export function decideUpdate(
  device: Device,
  all: readonly Firmware[],
  now: number,
  policy: OfferPolicy,
): Decision {
  const order = orderOf(device, all, now);
  const carried = order && carryOut(order, device, now, policy);
  if (carried) return carried;

  if (device.quarantine)
    return none(
      'quarantined',
      all.find(({ id }) => id === device.quarantine?.firmware),
    );
  const candidates = candidatesFor(device, all);
  const { free, barred } = sift(candidates, device, now, policy.requireSignature);
  const [best] = standing(free.filter((firmware) => isReleasedTo(device, firmware)));
  if (!best || !isUpdateFor(best, device)) {
    const coming = awaited(device, free);
    if (coming) return coming;
    // What it would get if it might is what its owner wonders about.
    const missed = barred.find(
      ({ firmware, bar }) =>
        isReleasedTo(device, firmware) &&
        (!best || (bar !== 'sequence_lower' && isUpdateFor(firmware, device))),
    );
    if (missed) return none(missed.bar, missed.firmware);
    const [first] = candidates;
    if (!best) return first ? none('not_released', first) : whyNoCandidate(device, all);
    const newer = device.version !== undefined && compareVersions(device.version, best.version) > 0;
    return none(newer ? 'device_newer' : 'already_newest', best);
  }
  if (device.declined.some((version) => sameVersion(version, best.version))) return none('declined', best);

  const staged = stagedBack(best, now);
  if (staged) return staged;
  const maxAttempts = isIn(device, best) ? best.staging?.attempts : undefined;
  const held = heldBack(device, best, now, maxAttempts === undefined ? policy : { ...policy, maxAttempts });
  if (held) return held;
  if (isTooLarge(best, device)) return none('image_too_large', best);

  const consent = consentOf(device, best);
  if (consent) return { kind: 'offer', firmware: best, consent };
  const until = device.update?.firmware === best.id ? device.update.postponedUntil : undefined;
  // Further ahead than anybody can postpone it: that was said before the clock was set back.
  return until !== undefined && now < until && until <= now + LONGEST_POSTPONE_MS
    ? none('postponed', best, until)
    : { kind: 'ask', firmware: best };
}

const isApproved = (device: Device, firmware: string): boolean =>
  device.update?.firmware === firmware && device.update.consent === 'approved';
