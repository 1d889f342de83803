import { createHash } from 'node:crypto';

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** A random source that yields the same numbers for the same seed, so that a run can be repeated. (mulberry32) */
export function seededRandom(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A span of milliseconds to choose from, both ends included. */
export interface Span {
  readonly min: number;
  readonly max: number;
}

/** Whole milliseconds within a span. */
export const within = (span: Span, random: Random): number =>
  span.min + Math.floor(random() * (span.max - span.min + 1));
