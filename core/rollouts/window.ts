import { remembered } from '../memo.js';
import { type OfferWindow, WEEKDAYS, type Weekday } from './plan.js';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
/**
 * A window opens within so many minutes, or never: in a week, or in two, if a change of the clock leaves out its hour; and an hour
 * for that change.
 */
const LONGEST_MINUTES = 14 * DAY_MINUTES + 60;

interface LocalTime {
  readonly day: Weekday;
  readonly minute: number;
}

const formatOf = remembered(
  (timeZone: string) =>
    new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    }),
);

/** The day of the week and the minute of the day in a place. */
function localTime(at: number, timeZone: string): LocalTime {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const day = WEEKDAYS.find((name) => name === parts['weekday']?.toLowerCase()) ?? 'mon';
  return { day, minute: Number(parts['hour']) * 60 + Number(parts['minute']) };
}

/** Minutes from midnight. */
export const minuteOf = (time: string): number => {
  const [hours = '0', minutes = '0'] = time.split(':');
  return Number(hours) * 60 + Number(minutes);
};

const dayBefore = (day: Weekday): Weekday => WEEKDAYS[(WEEKDAYS.indexOf(day) + 6) % 7] ?? day;

/** True if devices may be offered the firmware at this time, ms since the epoch. */
export function isOpen(window: OfferWindow | undefined, at: number): boolean {
  if (!window) return true;
  const { day, minute } = localTime(at, window.timeZone);
  const [from, to] = [minuteOf(window.from), minuteOf(window.to)];
  const opensOn = (name: Weekday): boolean => window.days.length === 0 || window.days.includes(name);
  if (from < to) return opensOn(day) && minute >= from && minute < to;
  return (opensOn(day) && minute >= from) || (opensOn(dayBefore(day)) && minute < to);
}

/** When it opens next, to the minute, ms since the epoch; `at` if it is open; undefined if it never does. */
export function opensAt(window: OfferWindow | undefined, at: number): number | undefined {
  if (!window || isOpen(window, at)) return at;
  return nextOpening(JSON.stringify([window, Math.floor(at / MINUTE_MS)]));
}

/** Asked for every device that waits, again and again within the same minute. */
const nextOpening = remembered((asked: string): number | undefined => {
  const [window, first] = JSON.parse(asked) as [OfferWindow, number];
  for (let minute = first + 1; minute <= first + LONGEST_MINUTES; minute++)
    if (isOpen(window, minute * MINUTE_MS)) return minute * MINUTE_MS;
  return undefined;
});
