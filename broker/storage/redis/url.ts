import type { RedisOptions } from 'ioredis';
import { FirmwireError } from '../../../core/errors.js';
import { CLUSTER } from './opening.js';

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;
const DATABASE = /^\d{1,5}$/;

const FORMS =
  'redis://[user:password@]host[:port][/database], rediss:// for TLS, or ' +
  'redis+sentinel://[user:password@]host[:port],host[:port].../name of the primary[/database]';

/** Never shows the text: there may be a password in it. */
const invalid = (what: string): FirmwireError =>
  new FirmwireError('config_invalid', `redis.url ${what}. It has one of these forms: ${FORMS}.`);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('has a "%" in its user or password that is not followed by two hex digits');
  }
}

function database(text: string): Pick<RedisOptions, 'db'> {
  if (text === '') return {};
  if (!DATABASE.test(text)) throw invalid('has a database that is not a number');
  return { db: Number(text) };
}

/** `user` and `password` of a URL, which may be empty. */
const login = (username: string, password: string): Pick<RedisOptions, 'username' | 'password'> => ({
  ...(username && { username: decoded(username) }),
  ...(password && { password: decoded(password) }),
});

function place(host: string): { host: string; port: number } {
  const parsed = URL.parse?.(`redis://${host}`) ?? undefined;
  if (!parsed || parsed.hostname === '' || parsed.pathname !== '' || parsed.username || parsed.password)
    throw invalid('has a host that cannot be read');
  // An IPv6 address is in brackets, and only there.
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || SENTINEL_PORT) };
}

/** `redis+sentinel`: no URL, because it has several hosts. */
function sentinelOptions(rest: string): RedisOptions {
  const [, user = '', password = '', hosts = '', name = '', db = '', query = ''] =
    /^(?:([^:@/]*)(?::([^@/]*))?@)?([^/?@]*)\/([^/?]*)(?:\/([^/?]*))?(?:\?(.*))?$/.exec(rest) ?? [];
  if (hosts === '' || name === '') throw invalid('does not name Sentinels and a primary');
  const { sentinelUsername, sentinelPassword, ...others } = Object.fromEntries(new URLSearchParams(query));
  if (Object.keys(others).length > 0) throw invalid('has parameters that are not known');
  return {
    sentinels: hosts.split(',').map(place),
    name: decoded(name),
    ...login(user, password),
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
    ...database(db),
  };
}

/**
 * Reads `redis.url`. Sentinels that want a login of their own get it as `?sentinelUsername=..&sentinelPassword=..`.
 * @throws FirmwireError `config_invalid` that says what is wrong with it
 */
export function redisOptions(url: string): RedisOptions {
  const [, scheme = '', rest = ''] = /^([a-z+-]*):\/*(.*)$/is.exec(url.trim()) ?? [];
  if (/cluster/i.test(scheme))
    throw new FirmwireError('config_invalid', `redis.url names a cluster. ${CLUSTER}`);
  if (scheme === 'redis+sentinel') return sentinelOptions(rest);
  if (scheme !== 'redis' && scheme !== 'rediss') throw invalid('has none of the schemes that are known');
  if (!URL.canParse(url.trim())) throw invalid('cannot be read');
  const { hostname, port, username, password, pathname, search, hash } = new URL(url.trim());
  if (hostname === '') throw invalid('names no host');
  if (search || hash) throw invalid('has parameters that are not known');
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || REDIS_PORT),
    ...login(username, password),
    ...database(pathname.replace(/^\//, '')),
    ...(scheme === 'rediss' && { tls: { servername: hostname } }),
  };
}
