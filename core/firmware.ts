import type { Device } from './device.js';
import { isUpdatable, platformMatches, readPlatform } from './platform.js';
import type { Staging } from './rollouts/rollout.js';
import type { Seal } from './signing/seal.js';

/** One uploaded file of a firmware. Digests are lower-case hex. */
export interface FirmwareFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** `all-at-once`: offered to every affected device; `none`: stored, offered to nobody by itself. */
export type Release = 'all-at-once' | 'none';

/** What an owner published, as it is stored. `size`, `sha256` and `md5` describe the bytes a device receives. */
export interface StoredFirmware {
  readonly id: string;
  readonly owner: string;
  readonly version: string;
  /** Meant for devices of this platform... */
  readonly platform: string | undefined;
  /** ...or for this one device only. */
  readonly udid: string | undefined;
  /** Only devices with all of these tags; empty: any device. */
  readonly tags: readonly string[];
  readonly envHash: string | undefined;
  readonly notes: string | undefined;
  readonly rollout: Release;
  /** The rollout that brings it to devices while `rollout` is `none`; the newest, if there were several. */
  readonly staging: Staging | undefined;
  /** The chip the image was built for, where known. */
  readonly chip: string | undefined;
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  /** `image`: the file itself is the body; `files`: the JSON of wire.md 4 is. */
  readonly format: 'image' | 'files';
  readonly files: readonly FirmwareFile[];
  /** What its owner signed about it, word for word (docs/signing.md); undefined: it is not signed. */
  readonly manifest: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A firmware as the catalogue gives it out. */
export interface Firmware extends StoredFirmware {
  /** What its manifest comes to; never stored, as it changes with the keys that its owner trusts. */
  readonly seal?: Seal | undefined;
}

/** Two firmwares with the same target and version must be the same bytes. */
export function sameTarget(a: StoredFirmware, b: StoredFirmware): boolean {
  const key = (f: StoredFirmware) =>
    JSON.stringify([f.owner, readPlatform(f.platform), f.udid, [...f.tags].sort(), f.envHash]);
  return key(a) === key(b);
}

/** Which devices a firmware is for. */
export type Target = Pick<StoredFirmware, 'owner' | 'udid' | 'platform' | 'tags' | 'chip'>;

/** Why a firmware is not for a device. */
export type Mismatch = 'owner' | 'udid' | 'platform' | 'tags' | 'chip';

/** Tells why this firmware is not meant for this device (wire.md 7), or nothing if it is. */
export function mismatch(firmware: Target, device: Device): Mismatch | undefined {
  if (firmware.owner !== device.owner) return 'owner';
  if (firmware.udid !== undefined && firmware.udid !== device.udid) return 'udid';
  const actual = readPlatform(device.platform);
  if (firmware.udid === undefined) {
    const target = readPlatform(firmware.platform);
    if (!target || !isUpdatable(actual) || !platformMatches(target, actual)) return 'platform';
  }
  if (!firmware.tags.every((tag) => device.tags.includes(tag))) return 'tags';
  const chip = actual?.chip;
  if (firmware.chip !== undefined && chip !== undefined && firmware.chip !== chip) return 'chip';
  return undefined;
}
