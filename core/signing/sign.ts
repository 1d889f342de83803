import type { KeyObject } from 'node:crypto';
import { FirmwireError } from '../errors.js';
import { remembered } from '../memo.js';
import { isSignature, publicHalf, type Signer, signatureOf, signerId } from './keys.js';
import { type Claims, encodeClaims, type Manifest, readManifest, signatureLine } from './manifest.js';

/**
 * Makes a manifest. Only ever called by who has the private key, and that is never the server.
 * @param privateKey Ed25519
 * @returns its text
 * @throws FirmwireError `manifest_malformed` if these claims make none
 */
export function signManifest(claims: Claims, privateKey: KeyObject): string {
  const signed = encodeClaims(claims, signerId(publicHalf(privateKey)));
  return signed + signatureLine(signatureOf(Buffer.from(signed), privateKey));
}

/**
 * Reads a manifest that one of these signers has signed.
 * @throws FirmwireError `manifest_malformed`; `signer_unknown` if the key it names is not among them; `signature_invalid`
 */
export function openManifest(text: string | Uint8Array, signers: readonly Signer[]): Manifest {
  const manifest = readManifest(text);
  const signer = signers.find(({ id }) => id === manifest.signer);
  if (!signer)
    throw new FirmwireError(
      'signer_unknown',
      `The manifest is signed with the key ${manifest.signer}, which this owner does not trust.`,
    );
  if (!isSignature(manifest.signature, manifest.signed, signer.publicKey))
    throw new FirmwireError('signature_invalid');
  return manifest;
}

const KEY_DIGITS = 64;

/** For a public key and a manifest's text, one behind the other. */
const opened = remembered((keyAndText: string): Manifest | undefined => {
  const publicKey = keyAndText.slice(0, KEY_DIGITS);
  const manifest = readManifest(keyAndText.slice(KEY_DIGITS));
  return isSignature(manifest.signature, manifest.signed, publicKey) ? manifest : undefined;
});

/** What a stored manifest says, if this signer has signed it. Checked once for each text and key, and remembered. */
export const openedBefore = (text: string, { publicKey }: Signer): Manifest | undefined =>
  opened(publicKey + text);
