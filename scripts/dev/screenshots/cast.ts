import type { Device } from '../../../core/device.js';
import { populate } from '../../bench/peers/known-devices.js';

export const SEED = 'pictures';
export const ESP8266 = 'arduino:esp8266';
export const ESP32 = 'arduino:esp32';

/** What a device of the pictures does once the release is out. */
export type Part =
  /** Takes the update and comes back with it. */
  | 'installs'
  /** Breaks off, and says why. */
  | 'fails'
  /** Is in the middle of its download. */
  | 'downloads'
  /** Is connected, and its owner is asked. */
  | 'waits'
  | 'away';

export interface Role {
  readonly alias: string;
  readonly part: Part;
  readonly version: string;
  readonly platform: string;
  readonly tags: readonly string[];
  readonly autoUpdate: boolean;
}

const role = (alias: string, part: Part, version: string, ...tags: readonly string[]): Role => ({
  alias,
  part,
  version,
  platform: tags.includes('camera') ? ESP32 : ESP8266,
  tags,
  autoUpdate: part !== 'waits',
});

/** A household and its garden. */
export const CAST: readonly Role[] = [
  role('greenhouse-1', 'installs', '1.3.2', 'garden'),
  role('greenhouse-2', 'installs', '1.3.2', 'garden'),
  role('greenhouse-3', 'fails', '1.3.2', 'garden'),
  role('greenhouse-4', 'installs', '1.2.0', 'garden'),
  role('pond-level', 'installs', '1.3.2', 'garden'),
  role('beehive-1', 'installs', '1.3.2', 'garden'),
  role('beehive-2', 'away', '1.2.0', 'garden'),
  role('irrigation', 'waits', '1.3.2', 'garden'),
  role('bird-feeder', 'installs', '1.3.2', 'garden'),
  role('garage-door', 'waits', '1.2.0', 'house'),
  role('driveway-camera', 'downloads', '3.0.4', 'camera'),
  role('barn-camera', 'away', '3.0.4', 'camera'),
  role('cellar-humidity', 'installs', '1.3.2', 'house'),
  role('kitchen-plug', 'installs', '1.3.2', 'house'),
  role('hallway-light', 'installs', '1.3.2', 'house'),
  role('attic-fan', 'installs', '1.2.0', 'house'),
  role('letterbox', 'away', '1.1.4'),
  role('roof-weather', 'installs', '1.3.2'),
];

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const inRole = (device: Device, index: number): Device => {
  const { alias, version, platform, tags, autoUpdate, part } = CAST[index] as Role;
  const now = Date.now();
  return {
    ...device,
    alias,
    version,
    platform,
    tags,
    autoUpdate,
    rssi: String(-48 - ((index * 7) % 31)),
    createdAt: now - (90 - index) * DAY,
    lastSeen: now - (part === 'away' ? (index * 5 + 3) * 60 * MINUTE : 2 * MINUTE),
  };
};

/** Makes a data folder in which all of them have been there before. */
export const knownCast = populate({ seed: SEED, count: CAST.length, autoUpdate: true, since: inRole });
