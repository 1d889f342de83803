import { newDevice } from '../../core/arrival.js';
import type { Firmware } from '../../core/firmware.js';
import type { FirmwareView } from '../../core/firmware-view.js';
import { isCandidate } from '../../core/rollouts/filter.js';
import type { RolloutFilter } from '../../core/rollouts/plan.js';
import type { DeviceView } from '../../core/view.js';
import type { FleetModel } from './run.js';
import type { DeviceModel } from './simulated-device.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Of a device that is connected and of which nothing more is known. */
const CONNECTED_MS = MINUTE;
/** Of one that is not. */
const CALLING_MS = 15 * MINUTE;
const BETWEEN_MS = 12 * HOUR;
/** Devices that were silent for longer say nothing about how reliable the fleet is. */
const RECENT_MS = 7 * DAY;
/** Whatever was seen: no fleet is there all the time. */
const LEAST_FLAKINESS = 0.005;
const MOST_FLAKINESS = 0.5;
const PATIENCE = 4;

/** What is known of a fleet, as its owner sees it, as a model of how it behaves. */
export function modelOf(
  devices: readonly DeviceView[],
  firmware: FirmwareView,
  filter: RolloutFilter,
  now: number,
): FleetModel {
  const stored = storedOf(firmware);
  const wanted = devices.filter((view) => isCandidate(stored, filter, recordOf(view, now)));
  return {
    devices: wanted.map(deviceOf),
    flakiness: flakinessOf(devices, now),
    firmware: stored,
    start: now,
  };
}

const deviceOf = ({ platform, version, tags, online, rhythm }: DeviceView): DeviceModel => ({
  platform: platform ?? undefined,
  version: version ?? undefined,
  tags,
  isConnected: online,
  rhythmMs: rhythm ? rhythm.silence * SECOND : online ? CONNECTED_MS : CALLING_MS,
  betweenMs: rhythm?.between != null ? rhythm.between * SECOND : BETWEEN_MS,
});

/** The share of devices of late that are away longer than usual now: about the share of time that each is. */
export function flakinessOf(devices: readonly DeviceView[], now: number): number {
  const recent = devices.filter(({ online, lastSeen }) => online || now - Date.parse(lastSeen) < RECENT_MS);
  const away = recent.filter(({ online, lastSeen, rhythm }) => {
    const usual = rhythm ? rhythm.silence * SECOND : CALLING_MS;
    return !online && now - Date.parse(lastSeen) >= PATIENCE * usual;
  });
  const share = recent.length === 0 ? 0 : away.length / recent.length;
  return Math.min(MOST_FLAKINESS, Math.max(LEAST_FLAKINESS, share));
}

/** What of a record matters to whether a rollout may let the device in. */
function recordOf({ udid, platform, version, tags }: DeviceView, now: number) {
  const facts = { ...(platform !== null && { platform }), ...(version !== null && { version }) };
  return { ...newDevice(OWNER, udid, facts, now), tags };
}

const OWNER = 'rehearsed';

const storedOf = ({
  id,
  version,
  platform,
  udid,
  tags,
  envHash,
  size,
  sha256,
  md5,
}: FirmwareView): Firmware => ({
  id,
  owner: OWNER,
  version,
  platform: platform ?? undefined,
  udid: udid ?? undefined,
  tags,
  envHash: envHash ?? undefined,
  notes: undefined,
  rollout: 'none',
  staging: undefined,
  manifest: undefined,
  chip: undefined,
  size,
  sha256,
  md5,
  format: 'image',
  files: [],
  createdAt: 0,
});
