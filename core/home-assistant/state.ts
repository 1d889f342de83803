import { type Decision, isUpdateFor, type Reason } from '../decide.js';
import type { Device } from '../device.js';
import type { Firmware } from '../firmware.js';
import type { Update } from '../update.js';
import { sameVersion } from '../version.js';
import type { Live } from '../view.js';
import { explain, type WhyReason } from '../why.js';
import { cut, linkIn } from './text.js';

/**
 * The state message of Home Assistant's MQTT `update` platform. It allows these keys and `entity_picture`, and drops the
 * whole message for any other, and for a `null` in any but `update_percentage`. What is left out stays as it was there.
 */
export interface EntityState {
  readonly installed_version?: string;
  readonly latest_version?: string;
  readonly title: string;
  readonly release_summary: string;
  readonly release_url?: string;
  readonly in_progress: boolean;
  readonly update_percentage: number | null;
}

/** Reasons for which nothing is done now, although there is an update that the device does not run. */
const HELD_BACK: ReadonlySet<Reason> = new Set([
  'declined',
  'postponed',
  'image_too_large',
  'unverified',
  'retry_pause',
  'attempts_used_up',
]);

/** The device has been told, and what comes next is up to it. */
const UNDER_WAY: ReadonlySet<WhyReason> = new Set(['offered', 'downloading', 'downloaded']);

/** Reasons that are best told by the release's own notes. */
const UNEVENTFUL: ReadonlySet<WhyReason> = new Set([
  'needs_approval',
  'approved',
  'waits_for_device',
  'offered',
  'downloading',
  'downloaded',
]);

/** The firmware that the device could have and does not run, whether or not somebody or something holds it back. */
export function availableIn(decision: Decision): Firmware | undefined {
  if (decision.kind !== 'none') return decision.firmware;
  return HELD_BACK.has(decision.reason) ? decision.firmware : undefined;
}

const isFetching = ({ update }: Device, live: Live): boolean =>
  update?.state === 'downloading' && live.progress !== undefined;

/** True while the device is at it: Home Assistant shows progress, and no "Install". */
export function isUnderWay(device: Device, decision: Decision, live: Live): boolean {
  if (UNDER_WAY.has(explain(device, decision, live.online).reason)) return true;
  // Whatever has been decided meanwhile, it is being fetched.
  return isFetching(device, live);
}

/** What is being fetched, if that is not what would be decided now: a newer one may have been published meanwhile. */
function fetchedBeside(device: Device, decision: Decision, live: Live): Update | undefined {
  const { update } = device;
  return isFetching(device, live) && update?.firmware !== availableIn(decision)?.id ? update : undefined;
}

/**
 * Home Assistant compares the texts of both versions, and takes equal ones for the same. Where the device runs the same
 * version of another build it has to differ; where it writes the version in another way it must not.
 */
function latestOf(device: Device, firmware: Firmware | undefined): string | undefined {
  const { version: installed } = device;
  if (!firmware) return installed;
  if (installed === undefined || !sameVersion(firmware.version, installed)) return firmware.version;
  return isUpdateFor(firmware, device) ? `${firmware.version} (another build)` : installed;
}

/** Which version Home Assistant is to show as the latest, and what about it. */
function releaseOf(device: Device, decision: Decision, live: Live) {
  const fetched = fetchedBeside(device, decision, live);
  if (fetched)
    return { latest: fetched.version, summary: `It is downloading ${fetched.version}.`, url: undefined };
  const { reason, sentence } = explain(device, decision, live.online);
  const firmware = availableIn(decision);
  const notes = UNEVENTFUL.has(reason) ? firmware?.notes?.trim() : undefined;
  return { latest: latestOf(device, firmware), summary: notes || sentence, url: linkIn(firmware?.notes) };
}

/** `my-app` for `my-app:1.0.0`; the device's name if it does not tell what it runs. */
const titleOf = ({ firmware, alias }: Device): string => firmware?.replace(/:[^:]*$/, '').trim() || alias;

/** A device as Home Assistant is to show it: docs/home-assistant.md has the table. */
export function entityState(device: Device, decision: Decision, live: Live): EntityState {
  const { latest, summary, url } = releaseOf(device, decision, live);
  const inProgress = isUnderWay(device, decision, live);
  const percentage = device.update?.state === 'downloaded' ? 100 : (live.progress ?? null);
  return {
    ...(device.version !== undefined && { installed_version: device.version.toWellFormed() }),
    ...(latest !== undefined && { latest_version: latest.toWellFormed() }),
    title: titleOf(device).toWellFormed(),
    release_summary: cut(summary),
    ...(url !== undefined && { release_url: url }),
    in_progress: inProgress,
    update_percentage: inProgress ? percentage : null,
  };
}
