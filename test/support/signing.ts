import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { sha256 } from '../../core/account.js';
import { publicHalf, type Signer, signerId } from '../../core/signing/keys.js';
import type { Claims } from '../../core/signing/manifest.js';
import { signManifest } from '../../core/signing/sign.js';
import { NOW, OWNER } from './builders.js';

/** PKCS#8 of an Ed25519 seed (RFC 8410, 7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The first test vector of RFC 8032, 7.1: a key that is as public as can be. */
export const RFC_8032_KEY: KeyObject = createPrivateKey({
  key: Buffer.concat([
    PKCS8_HEAD,
    Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'),
  ]),
  format: 'der',
  type: 'pkcs8',
});

/** A new key, and the signer that an owner trusts by it. */
export interface Pair {
  readonly privateKey: KeyObject;
  readonly signer: Signer;
  /** As `firmwire keygen` writes it. */
  readonly publicPem: string;
}

export function aPair(change: Partial<Signer> = {}): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const half = publicHalf(privateKey);
  return {
    privateKey,
    signer: { id: signerId(half), owner: OWNER, alias: 'ann', publicKey: half, createdAt: NOW, ...change },
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

/** Version 1.1.0 for every ESP8266 of `OWNER`, one file, good for a year from `NOW`. */
export const someClaims = (change: Partial<Claims> = {}): Claims => ({
  owner: OWNER,
  platform: 'arduino:esp8266',
  version: '1.1.0',
  sequence: 1,
  expires: NOW / 1000 + 365 * 86_400,
  rollback: false,
  files: [{ name: 'firmware.bin', size: 1000, sha256: 'c3'.repeat(32) }],
  ...change,
});

/** A manifest about these bytes, named `firmware.bin`. */
export const manifestFor = (
  bytes: Buffer,
  { privateKey }: Pick<Pair, 'privateKey'>,
  change: Partial<Claims> = {},
): string =>
  signManifest(
    someClaims({
      files: [{ name: 'firmware.bin', size: bytes.length, sha256: sha256(bytes) }],
      ...change,
    }),
    privateKey,
  );
