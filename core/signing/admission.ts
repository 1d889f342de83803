import { FirmwireError } from '../errors.js';
import type { Signer } from './keys.js';
import type { Manifest } from './manifest.js';
import { type About, difference } from './sealed.js';
import { openManifest } from './sign.js';

/**
 * Checks what came with an upload; its sequence is checked where it is stored.
 * @param text the manifest; undefined: there is none
 * @param signers of the owner who publishes
 * @param now milliseconds since the epoch
 * @returns undefined: unsigned, and that is allowed
 * @throws FirmwireError `signature_required`, `manifest_malformed`, `signer_unknown`, `signature_invalid`,
 *   `manifest_mismatch`, `manifest_expired`
 */
export function admitManifest(
  text: string | undefined,
  about: About,
  signers: readonly Signer[],
  now: number,
  requireSignature: boolean,
): Manifest | undefined {
  if (text === undefined) {
    if (requireSignature) throw new FirmwireError('signature_required');
    return undefined;
  }
  const manifest = openManifest(text, signers);
  const other = difference(manifest, about);
  if (other !== undefined)
    throw new FirmwireError('manifest_mismatch', `The manifest is about something else: ${other}.`);
  if (now >= manifest.expires * 1000)
    throw new FirmwireError(
      'manifest_expired',
      `The manifest expired at ${new Date(manifest.expires * 1000).toISOString()}; sign the firmware anew.`,
    );
  return manifest;
}
