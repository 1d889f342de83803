import type { Device } from '../../core/device.js';

/** When the owner is to be asked again, if that is what the device waits for. */
export function dueAt(device: Device): number | undefined {
  return device.update?.state === 'asked' ? device.update.postponedUntil : undefined;
}
