import type { Firmware } from '../../../core/firmware.js';
import type { FleetModel } from '../../rehearsal/run.js';
import type { DeviceModel } from '../../rehearsal/simulated-device.js';
import { seededRandom } from '../../simulator/random.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const CHIPS = [
  ['arduino:esp8266', 0.6],
  ['arduino:esp32', 0.3],
  ['arduino:esp32s3', 0.1],
] as const;
export const RARE_CHIP = 'arduino:esp32s3';

/** A fleet by chance: three chips, two versions, one tag; seven of ten devices are connected, the others check in now and then. */
export function fleetOf(count: number, flakiness: number, seed: number): FleetModel {
  const chance = seededRandom(`fleet ${seed}`);
  const devices = Array.from({ length: count }, (): DeviceModel => {
    const isConnected = chance() < 0.7;
    return {
      platform: chipFor(chance()),
      version: chance() < 0.8 ? '1.0.0' : '0.9.0',
      tags: chance() < 0.05 ? ['greenhouse'] : [],
      isConnected,
      rhythmMs: isConnected ? (20 + chance() * 280) * SECOND : (5 + chance() * 55) * MINUTE,
      betweenMs: 12 * HOUR,
    };
  });
  return { devices, flakiness, firmware: FIRMWARE };
}

function chipFor(share: number): string {
  let sum = 0;
  for (const [platform, part] of CHIPS) {
    sum += part;
    if (share < sum) return platform;
  }
  return RARE_CHIP;
}

const FIRMWARE: Firmware = {
  id: 'simulated',
  owner: '0'.repeat(64),
  version: '2.0.0',
  platform: 'arduino',
  udid: undefined,
  tags: [],
  envHash: undefined,
  notes: undefined,
  rollout: 'none',
  staging: undefined,
  manifest: undefined,
  chip: undefined,
  size: 500_000,
  sha256: '0'.repeat(64),
  md5: '0'.repeat(32),
  format: 'image',
  files: [],
  createdAt: 0,
};
