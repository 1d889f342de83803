/** What embedded-process.test.ts and its child have agreed on. */
import type { Span } from '../../core/coverage.js';
import { UDID } from '../support/builders.js';

export const COUNTED = UDID;
export const UPDATES = 300;

export const TOKENS = 40;
export const WHOLE: Span = [0, 1000];
export const contestedHash = (n: number): string => `c${n}`.padStart(64, '0');

const digits = (n: number): string => `${n}`.padStart(12, '0');

/** A token of its own for a device of its own. */
export const tokenOf = (n: number): { hash: string; udid: string } => ({
  hash: digits(n).padStart(64, 'a'),
  udid: `00000000-0000-4000-8000-${digits(n)}`,
});
