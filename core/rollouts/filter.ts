import semver from 'semver';
import { isUpdateFor } from '../decide.js';
import type { Device } from '../device.js';
import { type Firmware, mismatch } from '../firmware.js';
import { platformMatches, readPlatform } from '../platform.js';
import { readVersion, sameVersion } from '../version.js';
import type { RolloutFilter } from './plan.js';

/** True if the filter wants this device. */
export function isWanted(filter: RolloutFilter, device: Device): boolean {
  const { platform, tags, versions, udids } = filter;
  if (udids.length > 0 && !udids.includes(device.udid)) return false;
  if (!tags.every((tag) => device.tags.includes(tag))) return false;
  if (platform !== undefined) {
    const [wanted, actual] = [readPlatform(platform), readPlatform(device.platform)];
    if (!wanted || !actual || !platformMatches(wanted, actual)) return false;
  }
  return versions === undefined || isWithin(versions, device.version);
}

/** A device that tells no version, or none that can be read, is in no range. */
function isWithin(range: string, version: string | undefined): boolean {
  const read = version === undefined ? undefined : readVersion(version);
  return read !== undefined && semver.satisfies(read.base, range, { loose: true, includePrerelease: true });
}

/** True if a rollout of this firmware could let this device in. */
export const isCandidate = (firmware: Firmware, filter: RolloutFilter, device: Device): boolean =>
  mismatch(firmware, device) === undefined &&
  device.quarantine === undefined &&
  isUpdateFor(firmware, device) &&
  !device.declined.some((version) => sameVersion(version, firmware.version)) &&
  isWanted(filter, device);

/** True if nothing but the firmware's own target says which devices it is for. */
export const isOpenToAll = ({ platform, tags, versions, udids }: RolloutFilter): boolean =>
  platform === undefined && tags.length === 0 && versions === undefined && udids.length === 0;
