import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A person or organisation whose devices, firmware and keys are seen by nobody else. */
export interface Owner {
  /** 64 hex digits we issue; existing fleets may bring longer `[a-z0-9]` ids (wire.md, words). */
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
}

/**
 * What a key opens: `device` for check-in, tokens and MQTT as a device; `owner` for everything; `publish` for seeing and
 * publishing firmware, as a build server does; `read` for seeing, and changing nothing. The last two open the API only.
 */
export type Scope = 'device' | 'owner' | 'publish' | 'read';

/** An API key as it is stored: never the key, only its SHA-256. */
export interface ApiKey {
  readonly hash: string;
  readonly owner: string;
  readonly alias: string;
  readonly scope: Scope;
  readonly createdAt: number;
  /** From then on it opens nothing, ms since the epoch; absent: it does not end by itself. */
  readonly expiresAt?: number;
  /** Of a device key: the only device, by its UDID, that it speaks for. */
  readonly device?: string;
}

/** Who is speaking, once a key has been verified. */
export interface Principal {
  readonly owner: string;
  readonly scope: Scope;
  /** The public id of the key: the first 16 hex digits of its hash. */
  readonly keyId: string;
  /** When the key ends, ms since the epoch; what was opened with it ends with it. */
  readonly expiresAt?: number;
  /** The only device that may speak with it. */
  readonly device?: string;
}

const OWNER_ID = /^[a-z0-9]{64,128}$/;
const SECRET = /^[0-9a-f]{64}$/;

/** True for an owner id, ours or one brought along by an existing fleet. */
export const isOwnerId = (text: string): boolean => OWNER_ID.test(text);

/** True for text that has the form of an API key. */
export const isSecret = (text: string): boolean => SECRET.test(text);

/** 64 random hex digits: a new owner id or API key. */
export const newSecret = (): string => randomBytes(32).toString('hex');

/** SHA-256 as 64 lower-case hex digits. */
export const sha256 = (data: string | Uint8Array): string => hash('sha256', data, 'hex');

/** The public id of a key; safe to log and to show. */
export const keyId = (hash: string): string => hash.slice(0, 16);

/** True while the key opens something. */
export const isLive = ({ expiresAt }: Pick<ApiKey, 'expiresAt'>, now: number): boolean =>
  expiresAt === undefined || now < expiresAt;

/** Compares two equal-length hex digests in constant time. */
export function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
