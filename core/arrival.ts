import { type CheckIn, updaterError } from './checkin.js';
import { type Device, generateAlias } from './device.js';
import type { Grant } from './rollouts/rollout.js';
import { attemptFailed, errorNoted, installed, type Update } from './update.js';
import { sameVersion } from './version.js';

/** A device that has just become known. `auto_update` counts only now; later the owner's setting wins (wire.md 2). */
export function newDevice(owner: string, udid: string, facts: CheckIn, now: number): Device {
  return {
    owner,
    udid,
    mac: facts.mac,
    alias: facts.alias ?? generateAlias(facts.platform, facts.mac, udid),
    platform: facts.platform,
    version: facts.version,
    firmware: facts.firmware,
    commit: facts.commit,
    envHash: facts.envHash,
    status: facts.status,
    rssi: facts.rssi,
    lat: facts.lat,
    lon: facts.lon,
    freeSpace: undefined,
    autoUpdate: facts.autoUpdate ?? false,
    introduced: Object.keys(facts).length > 0,
    tags: [],
    createdAt: now,
    lastSeen: now,
    declined: [],
    signer: undefined,
    sequence: undefined,
    update: undefined,
    grant: undefined,
    rhythm: undefined,
    quarantine: undefined,
  };
}

/** The alias of a device that has only a generated one: its own, or one made of what it tells now, the first time. */
function firstAlias(device: Device, facts: CheckIn): string {
  if (facts.alias !== undefined) return facts.alias;
  if (device.introduced) return device.alias;
  return generateAlias(facts.platform, facts.mac, device.udid);
}

/** What becomes of the update when the device reports this version. */
function afterVersion(update: Update, version: string, now: number): Update | undefined {
  if (!sameVersion(version, update.version) || update.state === 'installed') return update;
  if (update.proven) return installed(update, now);
  // The same version again (another environment, or forced): what it reports now is what it reported before.
  const unchanged = update.from !== undefined && sameVersion(update.from, update.version);
  return unchanged ? update : undefined;
}

/** What becomes of the update when the device reports its updater's error. */
function afterError(update: Update, error: string, now: number): Update {
  switch (update.state) {
    case 'downloading':
    case 'downloaded':
      return attemptFailed(update, error, now);
    case 'offered':
      return errorNoted(update, error);
    default:
      return update;
  }
}

/**
 * The device's record after a check-in. The owner's alias wins over what the device reports, unless it was only generated.
 */
export function arrived(device: Device, facts: CheckIn, now: number): Device {
  let { update } = device;
  const error = updaterError(facts);
  if (update && facts.version !== undefined) update = afterVersion(update, facts.version, now);
  if (update && error !== undefined) update = afterError(update, error, now);

  const proven = update?.state === 'installed' ? update : undefined;
  const generated = device.alias === generateAlias(device.platform, device.mac, device.udid);
  const alias = generated ? firstAlias(device, facts) : device.alias;
  const versionChanged = facts.version !== undefined && facts.version !== device.version;
  // Every member by name: with a spread this one function took a tenth of a check-in.
  return {
    owner: device.owner,
    udid: device.udid,
    mac: facts.mac ?? device.mac,
    alias,
    platform: facts.platform ?? device.platform,
    version: facts.version ?? device.version,
    firmware: facts.firmware ?? device.firmware,
    commit: facts.commit ?? device.commit,
    envHash: facts.envHash ?? device.envHash,
    status: facts.status ?? device.status,
    rssi: facts.rssi ?? device.rssi,
    lat: facts.lat ?? device.lat,
    lon: facts.lon ?? device.lon,
    freeSpace: versionChanged ? undefined : device.freeSpace,
    // The build's own wish counts once; later the owner's setting wins.
    autoUpdate: device.introduced ? device.autoUpdate : (facts.autoUpdate ?? device.autoUpdate),
    introduced: true,
    tags: device.tags,
    createdAt: device.createdAt,
    lastSeen: now,
    declined: device.declined,
    signer: proven?.signer ?? device.signer,
    sequence: proven?.sequence ?? device.sequence,
    update,
    grant: afterUpdate(device.grant, update, now),
    rhythm: device.rhythm,
    quarantine: device.quarantine,
  };
}

/** Its place in a rollout, once it has come back with the firmware. */
function afterUpdate(grant: Grant | undefined, update: Update | undefined, now: number): Grant | undefined {
  const isBack =
    grant !== undefined &&
    grant.installedAt === undefined &&
    update?.state === 'installed' &&
    update.firmware === grant.firmware;
  return isBack ? { ...grant, installedAt: now } : grant;
}

/** What of a record a decision, an answer or the way to find the device rests on. */
const DECISIVE = [
  'mac',
  'alias',
  'platform',
  'version',
  'envHash',
  'freeSpace',
  'autoUpdate',
  'introduced',
  'signer',
  'sequence',
  'update',
] as const satisfies readonly (keyof Device)[];

/**
 * True if nothing that matters to a decision differs between a record and what a check-in made of it: it may be taken on
 * either. Tags and declined versions matter too, but no check-in changes them.
 */
export const decidesAlike = (before: Device, after: Device): boolean =>
  DECISIVE.every((name) => before[name] === after[name]);

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((item, i) => item === b[i]));

const sameUpdate = (a: Update | undefined, b: Update | undefined): boolean => {
  if (a === b) return true;
  if (!a || !b) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof Update>;
  return [...names].every((name) => a[name] === b[name]);
};

/**
 * True if a decision that was taken on one record holds for the other, which may have been read anew: nothing that it
 * rests on differs.
 */
export const sameGround = (before: Device, after: Device): boolean =>
  before === after ||
  (DECISIVE.every((name) => name === 'update' || before[name] === after[name]) &&
    sameUpdate(before.update, after.update) &&
    before.grant?.rollout === after.grant?.rollout &&
    (before.quarantine === undefined) === (after.quarantine === undefined) &&
    sameList(before.tags, after.tags) &&
    sameList(before.declined, after.declined));
