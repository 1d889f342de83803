import { expect } from 'chai';
import { type Decision, decideUpdate, type OfferPolicy } from '../../core/decide.js';
import type { Device } from '../../core/device.js';
import type { Firmware } from '../../core/firmware.js';
import { aDevice, NOW } from './builders.js';

const POLICY: OfferPolicy = { maxAttempts: 3, retryMs: 60_000, requireSignature: false };

/** A device with auto update on. */
export const auto = (change: Partial<Device> = {}): Device => aDevice({ autoUpdate: true, ...change });

/** Decides at `NOW`. */
export const decide = (device: Device, ...all: Firmware[]): Decision =>
  decideUpdate(device, all, NOW, POLICY);

/** A decision in a word or three: `offer fw-1.1.0 auto`, `ask fw-1.1.0`, `already_newest`. */
export function brief(decision: Decision): string {
  if (decision.kind === 'none') return decision.reason;
  return [decision.kind, decision.firmware.id, ...(decision.kind === 'offer' ? [decision.consent] : [])].join(
    ' ',
  );
}

/** One test for each row: what is decided for this device, with this firmware, in the words of `brief`. */
export function decisions(rows: [name: string, device: Device, all: Firmware[], expected: string][]): void {
  for (const [name, device, all, expected] of rows)
    it(`${name}: ${expected}`, () => expect(brief(decide(device, ...all))).to.equal(expected));
}
