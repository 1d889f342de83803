import Type from 'typebox';

/**
 * The kinds of values a setting can have. The `description` of each ends the sentence "must be ...", so that
 * what is checked and what a person is told stand in one place.
 */

/** A day. Longer timers make no sense here, and Node fires any of more than 24.8 days at once. */
const LONGEST_SECONDS = 86_400;

/** A whole number within bounds, both included. */
export const whole = (byDefault: number, minimum: number, maximum: number) =>
  Type.Integer({
    default: byDefault,
    minimum,
    maximum,
    description: `a whole number from ${minimum} to ${maximum}`,
  });

/** A TCP port to listen on; 0 is any free one. */
export const port = (byDefault: number) => whole(byDefault, 0, 65_535);

/** A time span above zero, fractions allowed. */
export const span = (byDefault: number, maximum = LONGEST_SECONDS) =>
  Type.Number({
    default: byDefault,
    exclusiveMinimum: 0,
    maximum,
    description: `a number above 0 and up to ${maximum}`,
  });

/** A time span that may also be zero, fractions allowed. */
export const spanOrNone = (byDefault: number) =>
  Type.Number({
    default: byDefault,
    minimum: 0,
    maximum: LONGEST_SECONDS,
    description: `a number from 0 to ${LONGEST_SECONDS}`,
  });

/** Minutes up to a year, fractions allowed. */
export const minutes = (byDefault: number) =>
  Type.Number({ default: byDefault, minimum: 0, maximum: 525_600, description: 'a number from 0 to 525600' });

/** A share of a whole. */
export const share = (byDefault: number) =>
  Type.Number({ default: byDefault, minimum: 0, maximum: 1, description: 'a number from 0 to 1' });

/** Text that is not empty. */
export const text = (byDefault: string) =>
  Type.String({ default: byDefault, minLength: 1, description: 'a text that is not empty' });

/** Text that may be empty, which means that there is none. */
export const textOrNone = () => Type.String({ default: '', description: 'a text' });

/** As `textOrNone`, and shown to nobody, not even in a message about the setting itself. */
export const secret = () => Type.String({ default: '', description: 'a text', secret: true });

/** As `text`, with a password in it perhaps: shown to nobody. */
export const secretText = (byDefault: string) =>
  Type.String({ default: byDefault, minLength: 1, description: 'a text that is not empty', secret: true });

/** The beginning of names in an object store. */
export const namePrefix = () =>
  Type.String({
    default: '',
    pattern: '^(?!/)[!-~]*$',
    description: 'a text without spaces that does not begin with a slash',
  });

/** The levels that MQTT topics begin with. Our own begin with a slash, and the broker's with `$`. */
export const topicPrefix = (byDefault: string) =>
  Type.String({
    default: byDefault,
    maxLength: 100,
    pattern: '^(?!\\$)[^/+#\\s\\x00-\\x1f\\x7f]+(?:/[^/+#\\s\\x00-\\x1f\\x7f]+){0,7}$',
    description:
      'a topic such as homeassistant or ha/discovery (no wildcards and spaces, no slash at either end, no $ at the beginning)',
  });

/** The address of a server. A login does not belong into it, because it is shown in logs; a refused one is not shown. */
export const addressOrNone = () =>
  Type.String({
    default: '',
    pattern: '^(https?://[^\\s@?#]+)?$',
    description: 'an address such as https://minio.example:9000 (without a login), or empty',
    secret: true,
  });

/** Yes or no. */
export const flag = (byDefault: boolean) =>
  Type.Boolean({ default: byDefault, description: 'true or false' });

/** One of a few words. */
export const oneOf = <const Words extends string[]>(byDefault: Words[number], words: [...Words]) =>
  Type.Enum(words, { default: byDefault, description: `one of ${words.join(', ')}` });

/** Web origins as browsers send them: no path, no slash at the end, or they would never match. */
export const origins = () =>
  Type.Array(Type.String({ pattern: '^https?://[^/\\s]+$' }), {
    default: [],
    description: 'a list of origins such as https://fleet.example (no path, no slash at the end)',
  });

/** Addresses of hosts or of whole networks. Whether each is one is seen when they are used (`plain.ts`). */
export const addresses = (byDefault: readonly string[]) =>
  Type.Array(Type.String({ pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$' }), {
    default: [...byDefault],
    description: 'a list of addresses such as 192.168.1.10 or networks such as fd00::/8',
  });
