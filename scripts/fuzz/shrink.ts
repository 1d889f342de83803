import type { FuzzCase } from './case.js';

/** True if these still make it go wrong. */
export type Fails<T> = (items: readonly T[]) => Promise<boolean>;

/**
 * Leaves out as much as can be left out, larger parts first (Zeller's ddmin).
 * @param items what is known to fail, together
 * @param tries how often it may be tried: each try is a new server
 */
export async function shrunk<T>(items: readonly T[], fails: Fails<T>, tries: number): Promise<readonly T[]> {
  let left = items;
  let parts = 2;
  for (let tried = 0; left.length > 1 && tried < tries; ) {
    const size = Math.ceil(left.length / parts);
    let smaller: readonly T[] | undefined;
    for (let at = 0; at < left.length && !smaller && tried < tries; at += size, tried++) {
      const rest = left.toSpliced(at, size);
      if (rest.length > 0 && (await fails(rest))) smaller = rest;
    }
    if (smaller) {
      left = smaller;
      parts = Math.max(parts - 1, 2);
    } else if (size === 1) break;
    else parts = Math.min(parts * 2, left.length);
  }
  return left;
}

/** The fewest cases, and of each the fewest writes. */
export async function smallest(
  cases: readonly FuzzCase[],
  fails: Fails<FuzzCase>,
  tries: number,
): Promise<readonly FuzzCase[]> {
  let few = await shrunk(cases, fails, tries);
  for (const [i, { writes }] of few.entries()) {
    const withWrites = (less: readonly Buffer[]): FuzzCase[] =>
      few.map((each, j) => (i === j ? { ...each, writes: less } : each));
    few = withWrites(await shrunk(writes, (less) => fails(withWrites(less)), tries));
  }
  return few;
}
