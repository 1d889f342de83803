import type { CheckIn } from '../../core/checkin.js';
import type { Device } from '../../core/device.js';
import type { Firmware } from '../../core/firmware.js';
import type { Token } from '../../core/token.js';

export const OWNER = 'a1'.repeat(32);
export const OTHER_OWNER = 'b2'.repeat(32);
export const UDID = '0f8fad5b-d9cb-469f-a165-70867728950e';
export const OTHER_UDID = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
/** A point in time to count from, ms. */
export const NOW = 1_750_000_000_000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** An ESP8266 that runs 1.0.0 with auto update off and owes and is owed nothing. */
export const aDevice = (change: Partial<Device> = {}): Device => ({
  owner: OWNER,
  udid: UDID,
  mac: '5CCF7F1A2B3C',
  alias: 'kitchen',
  platform: 'arduino:esp8266',
  version: '1.0.0',
  firmware: 'my-app:1.0.0',
  commit: undefined,
  envHash: undefined,
  status: 'Registered',
  rssi: '-61',
  lat: undefined,
  lon: undefined,
  freeSpace: undefined,
  autoUpdate: false,
  introduced: true,
  tags: [],
  createdAt: NOW - 24 * HOUR,
  lastSeen: NOW - MINUTE,
  declined: [],
  signer: undefined,
  sequence: undefined,
  update: undefined,
  grant: undefined,
  rhythm: undefined,
  quarantine: undefined,
  ...change,
});

/** Version 1.1.0 for every ESP8266 of the same owner, offered to all at once. */
export const aFirmware = (change: Partial<Firmware> = {}): Firmware => {
  const version = change.version ?? '1.1.0';
  return {
    id: `fw-${version}`,
    owner: OWNER,
    version,
    platform: 'arduino:esp8266',
    udid: undefined,
    tags: [],
    envHash: undefined,
    notes: undefined,
    staging: undefined,
    rollout: 'all-at-once',
    chip: 'esp8266',
    size: 300_000,
    sha256: 'c3'.repeat(32),
    md5: 'd4'.repeat(16),
    format: 'image',
    files: [{ name: 'firmware.bin', size: 300_000, sha256: 'c3'.repeat(32) }],
    manifest: undefined,
    createdAt: NOW - HOUR,
    ...change,
  };
};

/** A token issued at `NOW` that nobody has tried yet. */
export const aToken = (change: Partial<Token> = {}): Token => ({
  hash: 'e5'.repeat(32),
  owner: OWNER,
  udid: UDID,
  firmware: 'fw-1.1.0',
  sha256: 'c3'.repeat(32),
  size: 300_000,
  params: {},
  issuedAt: NOW,
  expiresAt: NOW + 24 * HOUR,
  firstAttemptAt: undefined,
  attempt: undefined,
  spans: [],
  completedAt: undefined,
  ...change,
});

/** The check-in of wire.md 2 as a device sends it. */
export const aCheckInBody = (
  change: Record<string, unknown> = {},
): { registration: Record<string, unknown> } => ({
  registration: {
    mac: '5CCF7F1A2B3C',
    firmware: 'my-app:1.0.0',
    version: '1.0.0',
    commit: '6f1ed002ab5595859014ebf0951522d9a0b1c2d3',
    owner: OWNER,
    alias: 'unnamed',
    udid: UDID,
    status: 'Registered',
    lat: '0.00',
    lon: '0.00',
    rssi: '-61',
    platform: 'arduino:esp8266',
    env_hash: 'cafebabe00',
    fcid: '1640EF',
    ...change,
  },
});

/** The facts of `aCheckInBody`. */
export const aCheckIn = (change: Partial<CheckIn> = {}): CheckIn => ({
  mac: '5CCF7F1A2B3C',
  firmware: 'my-app:1.0.0',
  version: '1.0.0',
  commit: '6f1ed002ab5595859014ebf0951522d9a0b1c2d3',
  owner: OWNER,
  udid: UDID,
  status: 'Registered',
  lat: '0.00',
  lon: '0.00',
  rssi: '-61',
  platform: 'arduino:esp8266',
  envHash: 'cafebabe00',
  fcid: '1640EF',
  ...change,
});
