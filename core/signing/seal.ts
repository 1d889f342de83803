import type { Device } from '../device.js';
import { type Firmware, mismatch, type Target } from '../firmware.js';

/** What the manifest of a firmware comes to, as things stand. */
export interface Seal {
  /** The id of the key that signed it. */
  readonly signer: string;
  /** What the owner calls that key; undefined if they do not trust it. */
  readonly alias: string | undefined;
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Meant also for devices that run a newer version. */
  readonly rollback: boolean;
  /** The owner trusts the key now, and the signature is its. */
  readonly isTrusted: boolean;
  /** The devices to which a higher sequence has been released. */
  readonly overtaken: readonly Target[];
  /** The ids of all keys that the owner trusts now. */
  readonly trusted: ReadonlySet<string>;
}

/** Why a firmware must not be given to anybody, or not to this device. docs/reasons.md lists them. */
export type Bar = 'unsigned' | 'signer_untrusted' | 'manifest_expired' | 'sequence_lower';

/**
 * Tells why this firmware must not be handed out to a device, or nothing if it may. What a key has said that is no longer
 * trusted is passed over, or whoever stole one could shut out all that comes after by a high sequence.
 * @param now milliseconds since the epoch
 */
export function barOf(
  { manifest, seal }: Firmware,
  device: Device,
  now: number,
  requireSignature: boolean,
): Bar | undefined {
  if (manifest === undefined) return requireSignature ? 'unsigned' : undefined;
  if (!seal?.isTrusted) return 'signer_untrusted';
  if (now >= seal.expiresAt) return 'manifest_expired';
  const hasRun = device.signer !== undefined && seal.trusted.has(device.signer) ? device.sequence : undefined;
  const isLower = hasRun !== undefined && seal.sequence < hasRun;
  const isOvertaken = seal.overtaken.some((target) => mismatch(target, device) === undefined);
  return isLower || isOvertaken ? 'sequence_lower' : undefined;
}

/**
 * What stands of the firmware that a device may have: of what is signed the highest sequence only, and what was published
 * before a rollback not at all.
 */
export function standing(firmware: readonly Firmware[]): readonly Firmware[] {
  const top = firmware.reduce<Firmware | undefined>(
    (best, each) => ((each.seal?.sequence ?? 0) > (best?.seal?.sequence ?? 0) ? each : best),
    undefined,
  );
  if (!top?.seal) return firmware;
  const { sequence, rollback } = top.seal;
  return firmware.filter(({ seal, createdAt }) =>
    seal ? seal.sequence >= sequence : !rollback || createdAt > top.createdAt,
  );
}

/** Firmware for one device, parted into what it may be given and what it must not; each in the order in which it came. */
export function sift(
  candidates: readonly Firmware[],
  device: Device,
  now: number,
  requireSignature: boolean,
): Sifted {
  const barred: { firmware: Firmware; bar: Bar }[] = [];
  const free = candidates.filter((firmware) => {
    const bar = barOf(firmware, device, now, requireSignature);
    if (bar) barred.push({ firmware, bar });
    return bar === undefined;
  });
  return { free, barred };
}

interface Sifted {
  readonly free: readonly Firmware[];
  readonly barred: readonly { readonly firmware: Firmware; readonly bar: Bar }[];
}
