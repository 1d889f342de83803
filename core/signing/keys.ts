import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { sha256 } from '../account.js';
import { FirmwireError } from '../errors.js';

/** A key that an owner trusts to sign firmware. The server has the public half only. */
export interface Signer {
  /** The first 16 hex digits of the SHA-256 of the public key's 32 bytes. */
  readonly id: string;
  readonly owner: string;
  readonly alias: string;
  /** The 32 bytes of RFC 8032, 5.1.5, as 64 lower-case hex digits. */
  readonly publicKey: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** The beginning of every Ed25519 key in SubjectPublicKeyInfo (RFC 8410, 4); the 32 bytes of the key follow. */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_BYTES = 32;

const refuse = (why: string, cause?: unknown): FirmwireError =>
  new FirmwireError('field_invalid', `publicKey: ${why}`, { cause });

/** What a signer is called in manifests and in the API. @param publicKey as `Signer` has it */
export const signerId = (publicKey: string): string => sha256(Buffer.from(publicKey, 'hex')).slice(0, 16);

/** The public half of an Ed25519 key, private or public, as `Signer` has it. */
export const publicHalf = (key: KeyObject): string =>
  (key.type === 'private' ? createPublicKey(key) : key)
    .export({ format: 'der', type: 'spki' })
    .subarray(SPKI_HEAD.length, SPKI_HEAD.length + KEY_BYTES)
    .toString('hex');

/**
 * Reads a public key in PEM (RFC 7468, 13), as `firmwire keygen` writes it.
 * @returns its 32 bytes as `Signer` has them
 * @throws FirmwireError `field_invalid` for anything else, a private key above all: it must not be sent anywhere
 */
export function readPublicKey(pem: string): string {
  if (/PRIVATE KEY/.test(pem)) throw refuse('this is a private key; give the file that ends in .pub');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw refuse('this is not a public key in PEM', cause);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw refuse(`${key.asymmetricKeyType} is not Ed25519`);
  return publicHalf(key);
}

const keyOf = (publicKey: string): KeyObject =>
  createPublicKey({
    key: Buffer.concat([SPKI_HEAD, Buffer.from(publicKey, 'hex')]),
    format: 'der',
    type: 'spki',
  });

/** True if this is the key's signature of these bytes (Ed25519, RFC 8032, 5.1.7). Signature and key are hex. */
export const isSignature = (signature: string, bytes: Buffer, publicKey: string): boolean =>
  verify(null, bytes, keyOf(publicKey), Buffer.from(signature, 'hex'));

/** The signature of these bytes (Ed25519, RFC 8032, 5.1.6), as 128 hex digits. */
export const signatureOf = (bytes: Buffer, privateKey: KeyObject): string =>
  sign(null, bytes, privateKey).toString('hex');
