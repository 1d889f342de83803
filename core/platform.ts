import { remembered } from './memo.js';

/**
 * A platform as devices report it: `arduino:esp8266`, `nodemcu`, `platformio:esp32`. The half before the colon
 * names the updater, the half behind it the chip; the second may be missing.
 */
export interface Platform {
  readonly updater: string;
  readonly chip: string | undefined;
}

const read = remembered((text: string): Platform | undefined => {
  const [updater = '', chip = ''] = text.trim().toLowerCase().split(':', 2);
  if (updater === '') return undefined;
  return { updater, chip: normaliseChip(chip) };
});

/** Reads a platform; empty or absent text is `undefined`. Case does not matter. */
export const readPlatform = (text: string | undefined): Platform | undefined =>
  text === undefined ? undefined : read(text);

/** `ESP32-S3`, `esp32_s3` and `esp32s3` are one chip. */
export function normaliseChip(text: string): string | undefined {
  const chip = text.toLowerCase().replace(/[^a-z0-9]/g, '');
  return chip === '' ? undefined : chip;
}

/** Platforms that get no firmware by platform: they cannot take one, or we cannot know which (wire.md 7). */
export const isUpdatable = (platform: Platform | undefined): platform is Platform =>
  platform !== undefined && platform.updater !== 'sigfox' && platform.updater !== 'unknown';

/** True if firmware for `target` is meant for a device of `device`: both halves count when both sides have them. */
export function platformMatches(target: Platform, device: Platform): boolean {
  if (target.updater !== device.updater) return false;
  return target.chip === undefined || device.chip === undefined || target.chip === device.chip;
}

/** Platforms that take their firmware as a set of files in JSON (wire.md 4). */
const FILE_PLATFORMS = new Set(['nodemcu', 'micropython', 'mongoose', 'nodejs']);

export const takesFiles = (platform: Platform | undefined): boolean =>
  platform !== undefined && FILE_PLATFORMS.has(platform.updater);

/** Platforms that are flashed by an Arduino-style updater, which looks at the image's first bytes. */
export const takesImage = (platform: Platform | undefined): boolean =>
  platform?.updater === 'arduino' || platform?.updater === 'platformio';
