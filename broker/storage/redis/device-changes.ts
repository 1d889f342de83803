import type { Device } from '../../../core/device.js';
import { dueAt } from '../due.js';
import type { Batch } from './batch.js';
import { claimantsOf, DUE, deviceKey, devicesOf, historyOf, openHistoryKey } from './keys.js';

/** Makes what a device is found by say what `after` is instead of `before`; undefined is no record. */
function reindex(batch: Batch, before: Device | undefined, after: Device | undefined): void {
  const device = after ?? before;
  if (!device) return;
  const { owner, udid } = device;
  if (!before) batch.run('ZADD', devicesOf(owner), 0, udid);
  if (!after) batch.run('ZREM', devicesOf(owner), udid);

  if (before?.mac !== after?.mac) {
    if (before?.mac) batch.run('SREM', claimantsOf(owner, before.mac), udid);
    if (after?.mac) batch.run('SADD', claimantsOf(owner, after.mac), udid);
  }

  const was = before && dueAt(before);
  const is = after && dueAt(after);
  if (was === is) return;
  if (is !== undefined) batch.run('ZADD', DUE, is, udid);
  else batch.run('ZREM', DUE, udid);
}

export function createDevice(batch: Batch, device: Device): void {
  batch.put(deviceKey(device.udid), device);
  reindex(batch, undefined, device);
}

/** The record as `change` leaves it; undefined if there is none. @throws Error if its owner or UDID changes */
export function changeDevice(
  batch: Batch,
  before: Device | undefined,
  change: (device: Device) => Device,
): Device | undefined {
  if (!before) return undefined;
  const after = change(before);
  if (after === before) return before;
  if (after.udid !== before.udid || after.owner !== before.owner)
    throw new Error(`A change of device ${before.udid} altered its owner or UDID.`);
  batch.put(deviceKey(after.udid), after);
  reindex(batch, before, after);
  return after;
}

export function removeDevice(batch: Batch, device: Device): void {
  batch.drop(deviceKey(device.udid));
  reindex(batch, device, undefined);
  batch.run('DEL', openHistoryKey(device.udid).name, historyOf(device.udid));
}
