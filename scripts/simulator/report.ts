import type { FleetResult } from './fleet.js';
import { ON_THE_WAY } from './tally.js';

const SHOWN_VIOLATIONS = 5;

const milliseconds = (value: number | undefined): string =>
  value === undefined ? 'unknown' : `${Math.round(value)} ms`;

/** True if the run is a success: every device has come to its end, and none by failing. */
export const isGood = (result: FleetResult): boolean => result.settled && result.counts.failed === 0;

/** The result in lines for a person. `seconds` is how long all took. */
export function reportLines(result: FleetResult, seconds: number): string[] {
  const { counts, durations, violations } = result;
  const open = ON_THE_WAY.reduce((sum, stage) => sum + counts[stage], counts.waiting);
  const lines = [
    `${counts.installed} installed, ${counts.failed} failed, ${counts.declined} declined, ${open} not settled, of ${counts.devices} devices in ${seconds.toFixed(1)} s`,
    `from publish to installed: p50 ${milliseconds(durations.p50)}, p99 ${milliseconds(durations.p99)}`,
  ];
  if (counts.online < counts.devices && result.trouble !== undefined)
    lines.push(`last trouble of a device: ${result.trouble}`);
  if (violations.length > 0) lines.push(`the server broke the wire contract ${violations.length} times:`);
  lines.push(...violations.slice(0, SHOWN_VIOLATIONS).map((text) => `  ${text}`));
  return lines;
}

/** The result for a program, as one line of JSON. Times in ms, null if unknown. */
export function reportJson(result: FleetResult, seconds: number): string {
  const { counts, durations, settled, violations } = result;
  const { p50 = null, p99 = null } = durations;
  return JSON.stringify({ ...counts, settled, p50, p99, seconds, violations });
}
