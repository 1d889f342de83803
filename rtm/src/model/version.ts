const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** What is compared, and what makes it a version before the final one: `rc.1` of `v1.2.0-rc.1`. */
function parts(version: string): readonly [base: string, pre: string | undefined] {
  // As the server reads versions (core/version.ts), whose own comparison would bring a library along.
  const [numbers = ''] = version.replace(/^.*:/, '').trim().replace(/^v/i, '').split('+');
  const dash = numbers.indexOf('-');
  return dash < 0 ? [numbers, undefined] : [numbers.slice(0, dash), numbers.slice(dash + 1)];
}

/** In the order of versions: `1.9.0`, `1.10.0-rc.1`, `1.10.0`. Negative if `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [baseA, preA] = parts(a);
  const [baseB, preB] = parts(b);
  const byBase = collator.compare(baseA, baseB);
  if (byBase !== 0) return byBase;
  if (preA !== undefined && preB !== undefined) return collator.compare(preA, preB);
  return Number(preA === undefined) - Number(preB === undefined);
}
