import fc from 'fast-check';
import type { DeviceView } from '../../rtm/src/model/nouns.js';
import { STATE_NAMES } from '../../rtm/src/model/status.js';
import { NOW } from './builders.js';
import { aDeviceView, anUpdateView, at } from './views.js';

/** From few values, so that many are the same. */
const alias = fc.constantFrom('kitchen', 'Kitchen', 'hall 2', 'hall 10', 'Ärger', '');
const platform = fc.constantFrom(null, 'arduino:esp8266', 'arduino:esp32', 'micropython');
export const aVersion = fc.constantFrom('1.0.0', '1.9.0', '1.10.0', '1.10.0-rc.1', 'v2.0', 'odd');
const tags = fc.uniqueArray(fc.constantFrom('beta', 'lab', 'roof'), { maxLength: 3 });

const update = fc.option(
  fc
    .record({
      state: fc.constantFrom(...(Object.keys(STATE_NAMES) as (keyof typeof STATE_NAMES)[])),
      version: aVersion,
      progress: fc.integer({ min: 0, max: 100 }),
    })
    .map(({ state, version, progress }) =>
      anUpdateView(state, { version, firmware: `fw-${version}`, progress }),
    ),
);

const why = fc.constantFrom<DeviceView['why']>(
  { reason: 'already_newest', sentence: 'It runs 1.0.0, already newest.' },
  { reason: 'postponed', sentence: 'You wanted to be asked again.' },
  { reason: 'needs_approval', sentence: '1.1.0 waits for your approval.' },
);

/** A device of a small world; devices with the same number are the same. */
export const anyDevice: fc.Arbitrary<DeviceView> = fc
  .record({
    udid: fc.integer({ min: 0, max: 15 }).map((n) => `device-${n}`),
    alias,
    platform,
    version: fc.option(aVersion),
    tags,
    online: fc.boolean(),
    lastSeen: fc.integer({ min: 0, max: 3 }).map((n) => at(NOW + n * 1000)),
    update,
    why,
    mac: fc.constantFrom(null, '5CCF7F1A2B3C', '240AC4FFEE00'),
    status: fc.constantFrom(null, 'Registered', 'OTA: Wrong MD5'),
  })
  .map((change) => aDeviceView(change));

export const byUdid = (devices: readonly DeviceView[]): Map<string, DeviceView> =>
  new Map(devices.map((device) => [device.udid, device]));
