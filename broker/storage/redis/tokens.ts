import { cover, coversAll, type Span } from '../../../core/coverage.js';
import type { TokenStore } from '../../../core/ports.js';
import { attempted, isLive, type Token } from '../../../core/token.js';
import type { Batch } from './batch.js';
import { changeDevice } from './device-changes.js';
import { deviceKey, EXPIRY, openTokenKey, tokenKey } from './keys.js';
import type { RedisLink } from './link.js';
import { membersUpTo } from './pages.js';
import type { Transactions } from './transaction.js';

/** How much longer than it lives a token is kept: the sweep comes first, and Redis' clock need not be ours. */
const AFTERLIFE_MS = 60 * 60 * 1000;

/** Never from Redis' time of day: only how long. */
export const lifetime = (token: Token, now: number): number =>
  Math.ceil(Math.max(0, token.expiresAt - now)) + AFTERLIFE_MS;

export function forgetToken(batch: Batch, hash: string): void {
  batch.drop(tokenKey(hash));
  batch.run('ZREM', EXPIRY, hash);
}

/** The token as this attempt leaves it with one more span; undefined if the attempt has lost or the token is dead. */
function extended(before: Token | undefined, attempt: string, span: Span, now: number): Token | undefined {
  if (!before || before.attempt !== attempt || !isLive(before, now)) return undefined;
  return { ...before, spans: cover(before.spans, span) };
}

/** One-time tokens on Redis. What is swept at `now` is all that is not live any more then by its deadline. */
export function tokenStore(link: RedisLink, transactions: Transactions): TokenStore {
  function put(batch: Batch, token: Token, open: string | undefined): void {
    const life = lifetime(token, token.issuedAt);
    if (open !== undefined) forgetToken(batch, open);
    batch.put(tokenKey(token.hash), token, 'PX', life);
    batch.put(openTokenKey(token.udid), token.hash, 'PX', life);
    batch.run('ZADD', EXPIRY, token.expiresAt, token.hash);
  }

  function begun(batch: Batch, before: Token | undefined, attempt: string, now: number): Token | undefined {
    if (!before || !isLive(before, now)) return undefined;
    const after = attempted(before, attempt, now);
    batch.put(tokenKey(after.hash), after, 'PX', lifetime(after, now));
    if (after.expiresAt !== before.expiresAt) batch.run('ZADD', EXPIRY, after.expiresAt, after.hash);
    return after;
  }

  /** Forgets what is past its deadline; the entry too if the token is gone already. */
  async function sweepOne(hash: string): Promise<void> {
    const known = await transactions.recent(tokenKey(hash));
    await transactions.change([tokenKey(hash), openTokenKey(known?.udid ?? '')], (batch, token, open) => {
      forgetToken(batch, hash);
      if (token && open === hash) batch.drop(openTokenKey(token.udid));
    });
  }

  return {
    issue(token, change) {
      const { udid } = token;
      if (!change)
        return transactions.change([openTokenKey(udid)], (batch, open) => {
          put(batch, token, open);
          return undefined;
        });
      return transactions.change([deviceKey(udid), openTokenKey(udid)], (batch, before, open) => {
        const device = changeDevice(batch, before, change);
        if (device) put(batch, token, open);
        return device;
      });
    },

    get: (hash) => transactions.get(tokenKey(hash)),

    async begin(hash, attempt, now, change) {
      if (!change)
        return transactions.change([tokenKey(hash)], (batch, before) => begun(batch, before, attempt, now));
      // Whose token it is never changes.
      const known = await transactions.recent(tokenKey(hash));
      if (!known) return undefined;
      return transactions.change([tokenKey(hash), deviceKey(known.udid)], (batch, before, device) => {
        const after = begun(batch, before, attempt, now);
        if (after) changeDevice(batch, device, change);
        return after;
      });
    },

    cover(hash, attempt, span, now) {
      return transactions.change([tokenKey(hash)], (batch, before) => {
        const after = extended(before, attempt, span, now);
        if (after) batch.put(tokenKey(hash), after, 'KEEPTTL');
        return after !== undefined;
      });
    },

    async complete(hash, attempt, span, now) {
      const known = await transactions.recent(tokenKey(hash));
      if (!known) return false;
      const openKey = openTokenKey(known.udid);
      return transactions.change(
        [tokenKey(hash), openKey],
        (batch, before, open) => {
          const after = extended(before, attempt, span, now);
          if (!after || !coversAll(after.spans, after.size)) return false;
          batch.put(tokenKey(hash), { ...after, completedAt: now }, 'KEEPTTL');
          if (open === hash) batch.drop(openKey);
          return true;
        },
        { durable: true },
      );
    },

    kill(udid) {
      return transactions.change([openTokenKey(udid)], (batch, open) => {
        if (open === undefined) return;
        forgetToken(batch, open);
        batch.drop(openTokenKey(udid));
      });
    },

    async sweep(now, limit) {
      const hashes = await membersUpTo(link, EXPIRY, now, limit);
      await Promise.all(hashes.map(sweepOne));
      return hashes.length;
    },
  };
}
