import semver from 'semver';
import { remembered } from './memo.js';

/**
 * Reads what devices and owners write as a version: `1.2.0`, `v1.2`, `app:1.2.0`, `1.2.3.4`, `5`,
 * `1.2.0-rc.1`. A fourth number takes part in the comparison after the third. Text without a number
 * is `undefined`. Never throws.
 */
export interface Version {
  readonly base: semver.SemVer;
  readonly fourth: number;
}

const FORM =
  /^(?:.*:)?\s*v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\s*$/i;

const LONGEST = 128;

const read = remembered((text: string): Version | undefined => {
  const found = FORM.exec(text);
  if (!found) return undefined;
  const [, major, minor = '0', patch = '0', fourth = '0', pre] = found;
  const core = [major, minor, patch].map(Number).join('.');
  const base = semver.parse(pre ? `${core}-${pre}` : core, { loose: true });
  return base ? { base, fourth: Number(fourth) } : undefined;
});

export const readVersion = (text: string): Version | undefined => read(text.slice(0, LONGEST));

/** What an owner may publish: short, safe in every payload, and with a number to compare. */
export const VERSION_PATTERN = '^[0-9A-Za-z.+_:-]{1,64}$';

const byCodeUnit = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

/**
 * Semantic version precedence (semver.org, 11): negative if `a` is older than `b`.
 * A version that cannot be read is older than any that can; two unreadable ones are equal only if they are the same text.
 */
export function compareVersions(a: string, b: string): number {
  const left = readVersion(a);
  const right = readVersion(b);
  if (!left || !right) return Number(left !== undefined) - Number(right !== undefined) || byCodeUnit(a, b);
  const byTriple = left.base.compareMain(right.base);
  return byTriple || left.fourth - right.fourth || left.base.comparePre(right.base);
}

/** True if both name the same version, however it is written. */
export const sameVersion = (a: string, b: string): boolean => compareVersions(a, b) === 0;
