import type { Redis } from 'ioredis';

/** The key of the record that says which store this is; see marker.ts. */
export const MARKER = 'firmwire';

/** An argument of a command. */
export type Argument = string | number | Buffer;

/**
 * The one way in which anything is written. KEYS: the marker and the keys that the change rests on. ARGV: the store's id;
 * for each of those keys what is expected of it, as two arguments (`=` and its text, `0` and nothing for no such key,
 * `?` and nothing for not known); then commands, each as its count of arguments and these.
 *
 * If this is the store and all is as expected, the commands are carried out and the answer is 1. Otherwise nothing is: the
 * answer is 0 if it is another store, else what the keys hold. Without commands it is a look at several keys at once.
 */
export const CHANGE_LUA = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local held = {}
local asExpected = true
for i = 2, #KEYS do
  local value = redis.call('GET', KEYS[i])
  local kind = ARGV[i * 2 - 2]
  held[i - 1] = value
  if kind == '=' then
    if value ~= ARGV[i * 2 - 1] then asExpected = false end
  elseif kind ~= '0' or value then
    asExpected = false
  end
end
if not asExpected then return held end
local at = #KEYS * 2
while ARGV[at] do
  local last = at + tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end
return 1`;

/** A connection that knows the script. */
export interface Scripted extends Redis {
  /** @returns 1, 0 or what the keys hold */
  firmwireChange(keys: number, ...args: readonly Argument[]): Promise<number | (string | null)[]>;
}
