/**
 * The smallest value that at least `percent` per cent of the values do not exceed (nearest rank);
 * undefined if there are none.
 */
export function percentile(values: readonly number[], percent: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil((percent / 100) * sorted.length) - 1, 0)];
}
