import type { Device } from '../../core/device.js';

/** Of several devices of one owner with one MAC, the one by which it is found. */
export const lastSeen = (claimants: readonly Device[]): Device | undefined =>
  claimants.reduce<Device | undefined>(
    (last, device) => (last && last.lastSeen >= device.lastSeen ? last : device),
    undefined,
  );
