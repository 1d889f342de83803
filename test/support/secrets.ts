import { createHash } from 'node:crypto';
import type { Stores } from '../../core/ports.js';

/**
 * Every secret that the tests of this process have used, and where one turned up that should not: in a line of the log, a
 * refusal, a metric or a message to an owner. The hook of `watch-secrets.ts`, and `ServerProcess.dispose`, fail the test then.
 */
const used = new Set<string>();
/** SHA-256 of those that a store knows. */
const stored = new Set<string>();
const leaks = new Set<string>();

/** Keys have 64 hex digits, tokens 43 characters of base64url. */
const LENGTHS = [64, 43];
const RUN = /[A-Za-z0-9_-]{43,}/g;
const BASE64 = /[A-Za-z0-9+/_-]{40,}={0,2}/g;

/** Remembers a secret. */
export function secret(text: string | undefined): void {
  if (text !== undefined && LENGTHS.includes(text.length)) used.add(text);
}

/** Remembers every secret that comes into this store, by what is stored of it. */
export function watched<S extends Pick<Stores, 'accounts' | 'tokens'>>(stores: S): S {
  const { accounts, tokens } = stores;
  return {
    ...stores,
    accounts: {
      ...accounts,
      addKey: (key) => {
        stored.add(key.hash);
        return accounts.addKey(key);
      },
    },
    tokens: {
      ...tokens,
      issue: (token, change) => {
        stored.add(token.hash);
        return tokens.issue(token, change);
      },
    },
  };
}

const isSecret = (text: string): boolean =>
  used.has(text) || (stored.size > 0 && stored.has(createHash('sha256').update(text).digest('hex')));

/** Notes each used secret that stands in this text: as it is, in Base64, or URL-encoded. @param where for the failure */
export function watchForSecrets(where: string, text: string): void {
  for (const found of secretsIn(text)) leaks.add(`${found.slice(0, 6)}.. in ${where}`);
}

/** @throws Error that tells where secrets turned up since the last time */
export function assertNoSecrets(): void {
  const found = [...leaks];
  leaks.clear();
  if (found.length > 0) throw new Error(`secrets turned up: ${found.join('; ')}`);
}

export function secretsIn(text: string): string[] {
  const texts = [text, unescaped(text)];
  for (const [run] of text.matchAll(BASE64)) {
    // What stood before a secret, such as a user name, shifts where it begins.
    texts.push(Buffer.from(run, 'base64').toString('latin1'));
    texts.push(Buffer.from(run, 'base64url').toString('latin1'));
  }
  return [...new Set(texts.flatMap(plainIn))];
}

function plainIn(text: string): string[] {
  const found: string[] = [];
  for (const [run] of text.matchAll(RUN))
    for (const length of LENGTHS)
      for (let at = 0; at + length <= run.length; at++) {
        const part = run.slice(at, at + length);
        if (isSecret(part)) found.push(part);
      }
  return found;
}

/** Percent-encoding undone (RFC 3986, 2.1). */
const unescaped = (text: string): string =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
