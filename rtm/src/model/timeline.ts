import type { FleetEvent } from './nouns.js';

/** One line of a device's history. */
export interface Moment {
  readonly event: string;
  /** Milliseconds since the epoch, of the last time where it happened several times in a row. */
  readonly at: number;
  readonly count: number;
  readonly version?: string | undefined;
  readonly error?: string | undefined;
}

interface Kept {
  readonly event: string;
  readonly at: string | number;
  readonly count?: number;
  readonly version?: string;
  readonly error?: string;
}

/**
 * What the server had kept when it was asked, and what the page has heard since; newest first, each once. The two may
 * overlap, as a message can be under way while the server answers.
 */
export function timeline(
  kept: readonly Kept[],
  heard: readonly FleetEvent[],
  udid: string,
): readonly Moment[] {
  const past = kept.map(({ event, at, count = 1, version, error }) => ({
    event,
    at: typeof at === 'number' ? at : Date.parse(at),
    count,
    version,
    error,
  }));
  const known = new Set(past.map(({ event, at }) => `${event} ${at}`));
  const newest = past[0]?.at ?? 0;
  const since = heard
    .filter((event) => event.udid === udid && (event.at > newest || !known.has(`${event.event} ${event.at}`)))
    .map(({ event, at, version, error }) => ({ event, at, count: 1, version, error }))
    .filter(({ event, at }) => at >= newest && !known.has(`${event} ${at}`));
  return folded([...since, ...past].sort((a, b) => b.at - a.at));
}

/** Check-ins in a row are one line. */
function folded(moments: readonly Moment[]): readonly Moment[] {
  const lines: Moment[] = [];
  for (const moment of moments) {
    const last = lines.at(-1);
    if (last?.event === 'checkin' && moment.event === 'checkin') {
      lines[lines.length - 1] = { ...last, count: last.count + moment.count };
    } else lines.push(moment);
  }
  return lines;
}
