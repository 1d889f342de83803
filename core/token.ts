import { randomFillSync } from 'node:crypto';
import { sha256 } from './account.js';
import type { Span } from './coverage.js';

/** A one-time token as it is stored, under `ott:<hash>` (wire.md 6). Times are milliseconds since the epoch. */
export interface Token {
  /** SHA-256 of the token; the token itself is never stored. */
  readonly hash: string;
  readonly owner: string;
  readonly udid: string;
  /** The exact firmware it is for: the catalogue's id and the digest of the bytes. */
  readonly firmware: string;
  readonly sha256: string;
  readonly size: number;
  /** The request's own parameters. */
  readonly params: Readonly<Record<string, string>>;
  readonly issuedAt: number;
  /** After this the token is worth nothing; shortened once, by the first attempt. */
  readonly expiresAt: number;
  readonly firstAttemptAt: number | undefined;
  /** The newest attempt; older ones have lost. */
  readonly attempt: string | undefined;
  /** What has left so far, over all attempts. */
  readonly spans: readonly Span[];
  /** Set once, when one whole body has been handed over. */
  readonly completedAt: number | undefined;
}

export const TOKEN_LIFE_MS = 24 * 60 * 60 * 1000;
export const TOKEN_LIFE_AFTER_ATTEMPT_MS = 60 * 60 * 1000;

const TOKEN_BYTES = 32;

/** Random bytes fetched ahead: asking for few at a time costs ten times as much. */
const random = { pool: Buffer.alloc(256 * TOKEN_BYTES), used: 256 * TOKEN_BYTES };

/** 32 random bytes in base64url: 43 characters. */
export function newToken(): string {
  if (random.used === random.pool.length) {
    randomFillSync(random.pool);
    random.used = 0;
  }
  const token = random.pool.toString('base64url', random.used, random.used + TOKEN_BYTES);
  // What has been given away lies nowhere in memory longer than it must.
  random.pool.fill(0, random.used, random.used + TOKEN_BYTES);
  random.used += TOKEN_BYTES;
  return token;
}

/** True for text that has the form of a token; anything else need not be looked up. */
export const isToken = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text);

/** What a token is stored under. */
export const tokenHash = (token: string): string => sha256(token);

/** True while a token can be redeemed. */
export const isLive = (token: Token, now: number): boolean =>
  token.completedAt === undefined && now < token.expiresAt;

/**
 * The token after an attempt began: the newest attempt owns it, and the first one shortens its life to an hour.
 * No later attempt moves the deadline.
 */
export function attempted(token: Token, attempt: string, now: number): Token {
  if (token.firstAttemptAt !== undefined) return { ...token, attempt };
  const expiresAt = Math.min(token.expiresAt, now + TOKEN_LIFE_AFTER_ATTEMPT_MS);
  return { ...token, attempt, firstAttemptAt: now, expiresAt };
}
