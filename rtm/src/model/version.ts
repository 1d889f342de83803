import { sortKey } from './sort-key.js';

/** Behind a version's numbers, and below all that can follow in a longer one: what comes before the final one, the final one. */
const BEFORE = '\u0001';
const FINAL = '\u0002';

/** A text of which `<` is the order of versions: `1.9.0`, `1.10.0-rc.1`, `1.10.0`. */
export function versionKey(version: string): string {
  // As the server reads versions (core/version.ts), whose own comparison would bring a library along.
  const [numbers = ''] = version.replace(/^.*:/, '').trim().replace(/^v/i, '').split('+');
  const dash = numbers.indexOf('-');
  if (dash < 0) return sortKey(numbers) + FINAL;
  return sortKey(numbers.slice(0, dash)) + BEFORE + sortKey(numbers.slice(dash + 1));
}

/** Negative if `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [keyA, keyB] = [versionKey(a), versionKey(b)];
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
}
