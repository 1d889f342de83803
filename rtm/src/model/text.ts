/** Figures and times for a person. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `just now`, `5 min ago`, `3 h ago`, `2 days ago`. */
export function ago(iso: string, now: number): string {
  const ms = Math.max(0, now - Date.parse(iso));
  if (ms < MINUTE) return 'just now';
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} days ago`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-28 18:05:09`, in the reader's own time. */
export function clock(at: number | string): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `446 KiB`, `1.5 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = Math.ceil(bytes / 1024);
  return kib < 1024 ? `${kib} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** `1 device`, `12,000 devices`. */
export const count = (n: number, noun: string): string =>
  `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;

/** What follows the numbers of a version that is not final yet; `-esp8266` says something else. */
const PRE = '-(?:alpha|beta|dev|pre|preview|rc)(?:\\.?\\d+)*';
const VERSION = new RegExp(
  `(?:^|[^0-9])(\\d+(?:\\.\\d+)+(?:${PRE})?)(?=(?:\\.[A-Za-z]\\w*)+$|[^0-9A-Za-z.]|$)`,
  'i',
);

/** The version in a file's name, such as `firmware-1.2.0.bin`; empty if there is none. */
export const versionIn = (name: string): string => VERSION.exec(name)?.[1] ?? '';
