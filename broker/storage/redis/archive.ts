import { randomUUID } from 'node:crypto';
import { FirmwireError } from '../../../core/errors.js';
import type { ArchiveState, TokenArchive } from '../archive.js';
import { DUE, EXPIRY, OWNERS, openTokenKey, TOPICS, tokenKey } from './keys.js';
import type { RedisLink } from './link.js';
import { replacesField } from './marker.js';
import { MARKER } from './script.js';
import { forgetToken, lifetime } from './tokens.js';
import type { Transactions } from './transaction.js';

/** Read or removed at once. */
const PAGE = 500;
/** Keys looked at in one step of a scan. */
const SCAN_COUNT = 1000;
const FIRST = '0';

/** Everything in keys.ts. Redis may hold more: other programs' keys, the sessions of MQTT, what nodes lease. */
const OURS = [
  /^(?:owner|key|device|firmware|history|history-open|ott|ott-device|keys|devices|mac|firmwares|digest|retained|marks|signers):/,
  new RegExp(`^(?:${[OWNERS, DUE, EXPIRY, TOPICS].join('|')})$`),
];

/** The field of the marker that stands there during a restore: the ids of the stores which the restored one replaces. */
const RESTORING = 'restoring';
const REPLACES = replacesField('');

/**
 * Gives the store ARGV[2] as its id, so that nobody who knows it writes to it or reads from it any more, and keeps aside
 * whose place it takes. The id of a restore that broke off is not among them: its process may still live.
 */
const BEGIN_LUA = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local restoring = redis.call('HGET', KEYS[1], '${RESTORING}')
local replaces = cjson.decode(restoring or '[]')
if not restoring then replaces[#replaces + 1] = ARGV[1] end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, ${REPLACES.length}) == '${REPLACES}' then
    replaces[#replaces + 1] = string.sub(field, ${REPLACES.length + 1})
    redis.call('HDEL', KEYS[1], field)
  end
end
redis.call('HSET', KEYS[1], 'id', ARGV[2], '${RESTORING}', cjson.encode(replaces))
return 1`;

/** Makes it a whole store again, with the id ARGV[2]: whoever knows it or one that it replaces goes on with it. */
const FINISH_LUA = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local replaces = cjson.decode(redis.call('HGET', KEYS[1], '${RESTORING}') or '[]')
redis.call('HDEL', KEYS[1], '${RESTORING}')
redis.call('HSET', KEYS[1], 'id', ARGV[2])
for _, id in ipairs(replaces) do
  if id ~= ARGV[2] then redis.call('HSET', KEYS[1], '${REPLACES}' .. id, ARGV[3]) end
end
return 1`;

/** Which store Redis holds, and whether it is whole. Every step carries the id on, so no other node is in between. */
export class RedisArchiveState implements ArchiveState {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** @throws FirmwireError `store_restoring` */
  async mustBeWhole(): Promise<void> {
    const restoring = await this.#link.run((redis) => redis.hexists(MARKER, RESTORING));
    if (restoring) throw new FirmwireError('store_restoring');
  }

  async id(): Promise<string> {
    return this.#link.id;
  }

  async isEmpty(): Promise<boolean> {
    for await (const keys of this.#keys()) if (keys.length > 0) return false;
    return true;
  }

  async begin(): Promise<boolean> {
    if (!(await this.isEmpty())) return false;
    const before = this.#link.id;
    await this.#rename(BEGIN_LUA, randomUUID());
    // From here on nobody else writes; somebody may have been in between.
    if (await this.isEmpty()) return true;
    await this.#rename(FINISH_LUA, before);
    return false;
  }

  async clear(): Promise<void> {
    await this.#rename(BEGIN_LUA, randomUUID());
    for await (const keys of this.#keys())
      if (keys.length > 0) await this.#link.write((redis) => redis.unlink(...keys), true);
  }

  finish(id: string): Promise<void> {
    return this.#rename(FINISH_LUA, id);
  }

  async #rename(script: string, id: string): Promise<void> {
    const now = new Date().toISOString();
    const run = (): Promise<unknown> =>
      this.#link.write((redis) => redis.eval(script, 1, MARKER, this.#link.id, id, now), true);
    if ((await run()) === 0) throw this.#link.emptied();
    this.#link.adopt(id);
  }

  async *#keys(): AsyncIterable<Buffer[]> {
    let cursor = FIRST;
    do {
      // As bytes: a topic need not be text to other programs.
      const [next, keys] = await this.#link.run((redis) => redis.scanBuffer(cursor, 'COUNT', SCAN_COUNT));
      yield keys.filter((key) => OURS.some((pattern) => pattern.test(key.toString('latin1'))));
      cursor = next.toString();
    } while (cursor !== FIRST);
  }
}

/** All tokens at once on Redis. */
export function tokenArchive(link: RedisLink, transactions: Transactions): TokenArchive {
  return {
    async *all() {
      let cursor = FIRST;
      do {
        // What is there from the beginning to the end is shown, perhaps twice; in the order of deadlines it might move.
        const [next, flat] = await link.run((redis) => redis.zscan(EXPIRY, cursor, 'COUNT', PAGE));
        const hashes = flat.filter((_, i) => i % 2 === 0);
        if (hashes.length > 0) yield* await transactions.some(hashes.map(tokenKey));
        cursor = next;
      } while (cursor !== FIRST);
    },

    async restore(token) {
      const key = tokenKey(token.hash);
      const openKey = openTokenKey(token.udid);
      const life = lifetime(token, token.issuedAt);
      for (let isDone = false; !isDone; ) {
        const seen = await transactions.get(openKey);
        const other = seen === undefined ? undefined : await transactions.get(tokenKey(seen));
        isDone = await transactions.change([openKey, key], (batch, open, _before) => {
          if (open !== seen) return false;
          if (token.completedAt !== undefined) {
            if (open === token.hash) batch.drop(openKey);
          } else {
            if (other && other.hash !== token.hash) {
              if (other.issuedAt > token.issuedAt) return true;
              forgetToken(batch, other.hash);
            }
            batch.put(openKey, token.hash, 'PX', life);
          }
          batch.put(key, token, 'PX', life);
          batch.run('ZADD', EXPIRY, token.expiresAt, token.hash);
          return true;
        });
      }
    },
  };
}
