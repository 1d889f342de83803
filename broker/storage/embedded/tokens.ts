import { cover, coversAll } from '../../../core/coverage.js';
import type { TokenStore } from '../../../core/ports.js';
import { attempted, isLive, type Token } from '../../../core/token.js';
import type { TokenArchive } from '../archive.js';
import type { DeviceRecords } from './device-records.js';
import type { Environment } from './environment.js';

/** Between two of these the caller may take its time. */
const PAGE = 500;

/** What moving all tokens elsewhere needs besides. */
export interface EmbeddedTokenStore extends TokenStore, TokenArchive {}

/** wire.md 6. */
const key = (hash: string): string => `ott:${hash}`;

/** One-time tokens on LMDB. What is swept at `now` is all that is not live any more then by its deadline. */
export function tokenStore(environment: Environment, records: DeviceRecords): EmbeddedTokenStore {
  const tokens = environment.table<Token>('tokens');
  /** The device's token that is not complete: udid -> hash. */
  const open = environment.table<string>('tokens-by-device');
  /** [expiresAt, hash], also of tokens that were killed before their time. */
  const expiry = environment.index('tokens-by-expiry');

  function write(before: Token | undefined, after: Token): void {
    if (before?.expiresAt !== after.expiresAt) {
      if (before) expiry.remove([before.expiresAt, before.hash]);
      expiry.add([after.expiresAt, after.hash]);
    }
    tokens.put(key(after.hash), after);
  }

  function forget(token: Token): void {
    tokens.remove(key(token.hash));
    expiry.remove([token.expiresAt, token.hash]);
    if (open.get(token.udid) === token.hash) open.remove(token.udid);
  }

  /** Its entry in `expiry` stays until its time has come: to know it, the token would have to be read. */
  function killOpen(udid: string): void {
    const hash = open.get(udid);
    if (hash !== undefined) tokens.remove(key(hash));
  }

  /** The token as this attempt leaves it with one more span; undefined if the attempt has lost or the token is dead. */
  function extended(hash: string, attempt: string, span: readonly [number, number], now: number) {
    const before = tokens.get(key(hash));
    if (!before || before.attempt !== attempt || !isLive(before, now)) return undefined;
    return { before, after: { ...before, spans: cover(before.spans, span) } };
  }

  return {
    issue(token, change) {
      return environment.write(() => {
        const device = change && records.change(token.udid, change);
        if (change && !device) return undefined;
        killOpen(token.udid);
        write(undefined, token);
        open.put(token.udid, token.hash);
        return device;
      });
    },

    async get(hash) {
      return tokens.get(key(hash));
    },

    begin(hash, attempt, now, change) {
      return environment.write(() => {
        const before = tokens.get(key(hash));
        if (!before || !isLive(before, now)) return undefined;
        const after = attempted(before, attempt, now);
        if (change) records.change(after.udid, change);
        write(before, after);
        return after;
      });
    },

    cover(hash, attempt, span, now) {
      return environment.write(() => {
        const step = extended(hash, attempt, span, now);
        if (step) write(step.before, step.after);
        return step !== undefined;
      });
    },

    async complete(hash, attempt, span, now) {
      return environment.write(() => {
        const step = extended(hash, attempt, span, now);
        if (!step || !coversAll(step.after.spans, step.after.size)) return false;
        write(step.before, { ...step.after, completedAt: now });
        if (open.get(step.after.udid) === hash) open.remove(step.after.udid);
        return true;
      });
    },

    kill(udid) {
      return environment.write(() => {
        killOpen(udid);
        open.remove(udid);
      });
    },

    sweep(now, limit) {
      return environment.write(() => {
        const hashes = expiry.take(now, limit);
        for (const hash of hashes) {
          const token = tokens.get(key(hash));
          if (token) forget(token);
        }
        return hashes.length;
      });
    },

    async *all() {
      for (
        let page = tokens.page(PAGE, undefined);
        page.length > 0;
        page = tokens.page(PAGE, page.at(-1)?.id)
      )
        for (const { value } of page) yield value;
    },

    restore(token) {
      return environment.write(() => {
        if (token.completedAt === undefined) {
          const hash = open.get(token.udid);
          const other = hash === undefined ? undefined : tokens.get(key(hash));
          if (other && other.hash !== token.hash) {
            if (other.issuedAt > token.issuedAt) return;
            forget(other);
          }
          open.put(token.udid, token.hash);
        } else if (open.get(token.udid) === token.hash) open.remove(token.udid);
        write(tokens.get(key(token.hash)), token);
      });
    },
  };
}
