import { InvalidArgumentError } from 'commander';

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const LONGEST_SECONDS = 3650 * UNITS.d;

/** Reads a span of time, `30d`, `12h`, `90m` or `10s`, from an option. @returns seconds */
export function readSpan(text: string): number {
  const [, number = '', unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * UNITS[(unit ?? 's') as keyof typeof UNITS];
  if (unit === undefined || seconds > LONGEST_SECONDS)
    throw new InvalidArgumentError('It must be a span of time like 30d, 12h, 90m or 10s.');
  return seconds;
}

/** Reads a time to come from an option: ISO 8601, or a span from now on. @returns ISO 8601 */
export function readEnd(text: string): string {
  if (/^\d{1,9}[smhd]$/.test(text)) return new Date(Date.now() + readSpan(text) * 1000).toISOString();
  const at = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError(
      'It must be a date (2027-01-31, 2027-01-31T12:00:00Z) or a span like 90d.',
    );
  return new Date(at).toISOString();
}
