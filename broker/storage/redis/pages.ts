import type { RedisLink } from './link.js';

/** Members of a sorted set in which all have the score 0, in the order of their bytes; those after `after`, if told. */
export function membersAfter(
  link: RedisLink,
  set: string,
  limit: number,
  after: string | undefined,
): Promise<string[]> {
  const from = after === undefined ? '-' : `(${after}`;
  return link.run((redis) => redis.zrangebylex(set, from, '+', 'LIMIT', 0, limit));
}

/** Members whose score is at most `most`; the lowest first. */
export const membersUpTo = (link: RedisLink, set: string, most: number, limit: number): Promise<string[]> =>
  link.run((redis) => redis.zrangebyscore(set, '-inf', most, 'LIMIT', 0, limit));
