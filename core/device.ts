import type { Rhythm } from './rollouts/rhythm.js';
import type { Grant } from './rollouts/rollout.js';
import type { Update } from './update.js';

/** A device as its owner's registry knows it. Times are milliseconds since the epoch. */
export interface Device {
  readonly owner: string;
  readonly udid: string;
  /** Upper-case hex digits without separators, or undefined if it never told. */
  readonly mac: string | undefined;
  readonly alias: string;
  readonly platform: string | undefined;
  readonly version: string | undefined;
  /** The build's name as reported, e.g. `my-app:1.0.0`. */
  readonly firmware: string | undefined;
  readonly commit: string | undefined;
  readonly envHash: string | undefined;
  /** The last status text it sent. */
  readonly status: string | undefined;
  readonly rssi: string | undefined;
  readonly lat: string | undefined;
  readonly lon: string | undefined;
  /** Free space for an update in bytes, as its updater reported with the last download. */
  readonly freeSpace: number | undefined;
  readonly autoUpdate: boolean;
  /** False while all that is known of it is its UDID: it connected, and has not checked in. */
  readonly introduced: boolean;
  readonly tags: readonly string[];
  readonly createdAt: number;
  readonly lastSeen: number;
  /** Versions the owner said no to. */
  readonly declined: readonly string[];
  /** Of the newest signed firmware that it has proven to run: who signed it, and its sequence. */
  readonly signer: string | undefined;
  readonly sequence: number | undefined;
  /** The one update this device is owed, is taking or took last. */
  readonly update: Update | undefined;
  /** Its place in the newest rollout that let it in. */
  readonly grant: Grant | undefined;
  /** How it comes and goes; absent until it has come back once. */
  readonly rhythm: Rhythm | undefined;
  /** Set aside: it is offered nothing until its owner says so. */
  readonly quarantine: Quarantine | undefined;
}

/** Why a device is set aside, and since when, ms since the epoch. */
export interface Quarantine {
  readonly at: number;
  readonly firmware: string;
  readonly reason: string;
}

const MAX_ALIAS_BYTES = 100;
/** Longer text is cut before it is looked at: no alias needs more. */
const MAX_ALIAS_TEXT = 256;
const MAX_DECLINED = 20;

/** Hex digits of a MAC in upper case, or undefined if there are not 12 to 16 of them (ESP32 sends up to 14). */
export function normaliseMac(text: string | undefined): string | undefined {
  const digits = (text ?? '').replace(/[\s:.-]/g, '').toUpperCase();
  return /^[0-9A-F]{12,16}$/.test(digits) ? digits : undefined;
}

/** An alias as nearly all are: as safe as it can be made. */
const SAFE_ALIAS = /^[!#-[\]-z|~](?:[ !#-[\]-z|~]{0,98}[!#-[\]-z|~])?$/;

/**
 * Makes text safe to send to a device as its alias: no control characters and no braces (a device looks for `}}`
 * as the end of a message), at most 100 bytes in JSON. May be empty.
 */
export function cleanAlias(text: string): string {
  if (SAFE_ALIAS.test(text)) return text;
  let alias = text
    .slice(0, MAX_ALIAS_TEXT)
    .replace(/[\p{Cc}\u2028\u2029{}]/gu, ' ')
    .trim()
    .toWellFormed();
  while (Buffer.byteLength(JSON.stringify(alias)) - 2 > MAX_ALIAS_BYTES)
    alias = [...alias].slice(0, -1).join('');
  return alias.trim();
}

/** A name for a device that brought none: its chip and the end of its MAC or UDID. */
export function generateAlias(platform: string | undefined, mac: string | undefined, udid: string): string {
  const kind = platform?.split(':').pop() || 'device';
  return cleanAlias(`${kind}-${(mac ?? udid).slice(-6)}`).toLowerCase();
}

/** Every member by name: to spread a record that was parsed takes ten times as long, and to write the outcome twice as long. */
const copyOf = (device: Device): Device => ({
  owner: device.owner,
  udid: device.udid,
  mac: device.mac,
  alias: device.alias,
  platform: device.platform,
  version: device.version,
  firmware: device.firmware,
  commit: device.commit,
  envHash: device.envHash,
  status: device.status,
  rssi: device.rssi,
  lat: device.lat,
  lon: device.lon,
  freeSpace: device.freeSpace,
  autoUpdate: device.autoUpdate,
  introduced: device.introduced,
  tags: device.tags,
  createdAt: device.createdAt,
  lastSeen: device.lastSeen,
  declined: device.declined,
  signer: device.signer,
  sequence: device.sequence,
  update: device.update,
  grant: device.grant,
  rhythm: device.rhythm,
  quarantine: device.quarantine,
});

/** The record with some of its members changed. */
export const revised = (device: Device, changes: Partial<Device>): Device =>
  Object.assign(copyOf(device), changes);

/** Remembers that the owner declined a version. */
export const decline = (device: Device, version: string): Device =>
  revised(device, {
    declined: [...device.declined.filter((v) => v !== version), version].slice(-MAX_DECLINED),
  });
