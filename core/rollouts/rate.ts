const MINUTE_MS = 60_000;

/**
 * How many of this room the rate leaves now: counted by when those that are in were let in, so that a restart lets in no more.
 * @param perMinute devices per minute; undefined: no limit
 * @param granted when each was let in, ms
 */
export function allowedNow(
  perMinute: number | undefined,
  room: number,
  granted: readonly number[],
  now: number,
): number {
  if (perMinute === undefined) return room;
  // Whole devices: one in two minutes for half a device each minute.
  const most = Math.max(1, Math.floor(perMinute));
  const since = now - (most / perMinute) * MINUTE_MS;
  return Math.max(0, Math.min(room, most - granted.filter((at) => at > since).length));
}
