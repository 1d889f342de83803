import type { Device } from '../../../core/device.js';
import { PLATFORM } from '../load/packets.js';
import { populate } from '../peers/known-devices.js';

export const SEED = 'rtm';
/** Nine devices in ten are of the platform that the release is for. */
export const PLATFORMS: readonly string[] = [...Array.from({ length: 9 }, () => PLATFORM), 'arduino:esp32'];
/** What devices ran before they come back with another version. */
const EARLIER = ['0.9.0', '0.9.1', '0.9.2', '0.8.4', '0.8.0', '0.7.12', '0.7.11', '0.6.0'] as const;
const PLACES = ['greenhouse', 'cellar', 'workshop', 'office', 'garage', 'attic', 'garden'] as const;
/** So many devices have the tag for which firmware waits from the start. */
export const WAITING_TAG = 'early';
const WAITING_EVERY = 20;

export const waitingOf = (devices: number): number =>
  Array.from({ length: devices }, (_, i) => i).filter(
    (index) => index % WAITING_EVERY === 0 && PLATFORMS[index % PLATFORMS.length] === PLATFORM,
  ).length;

export const releasedTo = (devices: number): number =>
  Array.from({ length: devices }, (_, i) => i).filter((i) => PLATFORMS[i % PLATFORMS.length] === PLATFORM)
    .length;

const tagsOf = (index: number): string[] => {
  const place = PLACES[index % PLACES.length] ?? '';
  return index % WAITING_EVERY === 0 ? [place, WAITING_TAG] : [place];
};

/** Names, versions and tags as they come together over the years. */
const grown = (device: Device, index: number): Device => ({
  ...device,
  alias: `${PLACES[index % PLACES.length]}-${index}`,
  version: EARLIER[index % EARLIER.length],
  tags: tagsOf(index),
  rssi: String(-40 - (index % 50)),
});

/** Fills a new data folder with a fleet whose owner decides about every update. */
export const fill = (count: number) =>
  populate({ seed: SEED, count, autoUpdate: false, platforms: PLATFORMS, since: grown });
