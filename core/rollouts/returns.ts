import { type Device, revised } from '../device.js';
import { returned } from './rhythm.js';

/** Silences that are shorter are not told apart from none, ms. */
const SHORTEST_MS = 60_000;
/** So long after it was let into a rollout, or came back with its firmware, a device is watched, ms: longer than probations are. */
const WATCHED_MS = 7 * 24 * 3_600_000;

/** True while what a device does is evidence about the firmware of a rollout, and not about the device. */
export const isWatched = ({ grant }: Device, now: number): boolean =>
  grant !== undefined && now - (grant.installedAt ?? grant.at) < WATCHED_MS;

/**
 * A device has come back: learns how long it is usually silent, from what it does by itself. Under new firmware nothing is learnt, or
 * a device that the firmware has broken would be as usual after a while.
 * @param listening since when it would have been heard, ms since the epoch
 */
export function cameBack(device: Device, now: number, listening: number): Device {
  const silence = now - Math.max(device.lastSeen, listening);
  if (silence < SHORTEST_MS || isWatched(device, now)) return device;
  return revised(device, { rhythm: returned(device.rhythm, silence, now) });
}

/** One more return since it came back with the firmware of its rollout. */
export const countReturn = (device: Device, now: number): Device =>
  device.grant?.installedAt === undefined || !isWatched(device, now)
    ? device
    : revised(device, { grant: { ...device.grant, returns: device.grant.returns + 1 } });
