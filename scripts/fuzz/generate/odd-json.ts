import { PLACEHOLDERS } from '../case.js';
import type { Chance } from '../chance.js';

/** Text that something may take for more than text. */
export const ODD_TEXTS: readonly [string, ...string[]] = [
  '',
  ' ',
  '\u0000',
  '__proto__',
  'constructor',
  'toString',
  '}}',
  '"',
  '\\',
  '\ud800',
  '\ufeff',
  '\u202e',
  '😀'.repeat(64),
  'x'.repeat(257),
  'x'.repeat(9000),
  '../../../etc/passwd',
  '%00%2e%2e',
  '#',
  '+',
  '/',
  '$SYS',
  '1.0.0',
  'v1',
  '1.2.3.4',
  '99999999999999999999.1',
  'true',
  'null',
  'NaN',
  '-0',
  '1e400',
  'Wrong MD5',
  '<script>',
  ...Object.values(PLACEHOLDERS),
];

const ODD_NUMBERS: readonly [number, ...number[]] = [0, -1, 1e308, -1e308, 5e-324, 2 ** 53, 0.1, -0, 1e21];

/** Numbers, names and values that JSON.stringify does not write; put in the place of a value. */
const RAW: readonly [string, ...string[]] = [
  '1e999',
  '-1e999',
  '1'.repeat(500),
  '"\\u0000"',
  '"\\ud800"',
  '01',
  '.5',
  'NaN',
  'undefined',
  '{"a":1,"a":2}',
  '{"__proto__":{"owner":"x","udid":1}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '"\t"',
  "'x'",
  '{,}',
  '[',
  '"',
];

/** As deep as anything that fits into a body. */
const deep = (chance: Chance): string => {
  const depth = chance.pick([10, 100, 1000, 5000, 20_000]);
  return chance.make(
    () => '['.repeat(depth) + ']'.repeat(depth),
    () => '{"a":'.repeat(depth) + 1 + '}'.repeat(depth),
    () => '['.repeat(depth),
  );
};

/** Stands in a text for what `raw` puts there. */
const MARK = '"@raw@"';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

function oddValue(chance: Chance): Json {
  return chance.make<Json>(
    () => chance.pick(ODD_TEXTS),
    () => chance.pick(ODD_NUMBERS),
    () => chance.pick([null, true, false]),
    () => [],
    () => ({}),
    () => chance.some(40, () => chance.pick(ODD_TEXTS)),
    () => ({ [chance.pick(ODD_TEXTS)]: chance.pick(ODD_TEXTS) }),
    () => '@raw@',
  );
}

/** The value with something else somewhere in it. */
function altered(value: Json, chance: Chance): Json {
  if (value === null || typeof value !== 'object' || chance.oneIn(4)) return oddValue(chance);
  if (Array.isArray(value)) {
    const at = chance.below(value.length + 1);
    return value.toSpliced(at, 1, altered(value[at] ?? null, chance));
  }
  const names = Object.keys(value);
  const name = names[chance.below(names.length)] ?? chance.pick(ODD_TEXTS);
  const { [name]: old = null, ...rest } = value;
  return chance.make<Json>(
    () => ({ ...rest, [name]: altered(old, chance) }),
    () => rest,
    () => ({ ...value, [chance.pick(ODD_TEXTS)]: oddValue(chance) }),
    () => ({ ...rest, [chance.pick(ODD_TEXTS)]: old }),
    () => ({ [name]: value }),
  );
}

/** The text of this value, with a few things wrong in it more often than not. */
export function oddJson(value: Json, chance: Chance): string {
  let changed = value;
  for (let left = chance.below(4); left > 0; left--) changed = altered(changed, chance);
  const text = JSON.stringify(changed);
  return text.replaceAll(MARK, () => (chance.oneIn(3) ? deep(chance) : chance.pick(RAW)));
}
