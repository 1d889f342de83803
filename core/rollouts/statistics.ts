/** ln of n!, by Stirling's series from 20 on (error below 1e-12 there). */
const LOG_FACTORIALS: number[] = [0];
for (let n = 1; n < 20; n++) LOG_FACTORIALS.push((LOG_FACTORIALS[n - 1] ?? 0) + Math.log(n));

function logFactorial(n: number): number {
  const known = LOG_FACTORIALS[n];
  if (known !== undefined) return known;
  return (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * n) - 1 / (360 * n ** 3);
}

/**
 * The chance that at least `bad` of `all` go wrong if each does with probability `p` (the upper tail of the binomial
 * distribution): small means that more than chance is at work.
 */
export function tail(bad: number, all: number, p: number): number {
  if (bad <= 0) return 1;
  if (bad > all || p <= 0) return 0;
  if (p >= 1) return 1;
  const term = (k: number): number =>
    Math.exp(
      logFactorial(all) -
        logFactorial(k) -
        logFactorial(all - k) +
        k * Math.log(p) +
        (all - k) * Math.log1p(-p),
    );
  // Below the middle the sum would be long and is of no interest: that many go wrong more often than not.
  if (bad <= all * p) return 1 - lowerSum(bad, term);
  let sum = 0;
  for (let k = bad; k <= all; k++) {
    const each = term(k);
    sum += each;
    if (each < sum * 1e-12) break;
  }
  return Math.min(1, sum);
}

function lowerSum(bad: number, term: (k: number) => number): number {
  let sum = 0;
  for (let k = bad - 1; k >= 0; k--) {
    const each = term(k);
    sum += each;
    if (each < sum * 1e-12) break;
  }
  return Math.min(1, sum);
}

/** The upper end of what the true share may be after `bad` of `all` were seen (Wilson's interval, two standard deviations). */
export function upperShare(bad: number, all: number): number {
  if (all === 0) return 0;
  const z = 2;
  const share = bad / all;
  const spread = Math.sqrt((share * (1 - share)) / all + z ** 2 / (4 * all ** 2));
  return Math.min(1, (share + z ** 2 / (2 * all) + z * spread) / (1 + z ** 2 / all));
}

/** The middle of some numbers; undefined if there are none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
