/**
 * True if less than `ms` lie between the two, whichever is earlier. What has begun after now has begun before the clock
 * was set back: it must not last until the clock is there again.
 * @param now milliseconds since the epoch, as `begun`
 */
export const isWithin = (now: number, begun: number, ms: number): boolean => Math.abs(now - begun) < ms;
