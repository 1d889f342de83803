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

/** What a device did, as the server has kept it. */
export interface PastEvent {
  readonly event: string;
  readonly at: string | number;
  readonly since?: string | number;
  readonly count?: number;
  readonly version?: string;
  readonly error?: string;
}

const ms = (time: string | number): number => (typeof time === 'number' ? time : Date.parse(time));

/**
 * What the server had kept when it was asked, and what the page has heard since; newest first, each once. The two may
 * overlap, as a message can be under way while the server answers. What repeats itself the server keeps as one entry, from
 * `since` to `at`: what was heard in between is in it. What another node has noted within the last second may not be kept
 * yet, so what is older than the newest entry need not be in any.
 */
export function timeline(
  kept: readonly PastEvent[],
  heard: readonly FleetEvent[],
  udid: string,
): readonly Moment[] {
  const isKept = ({ event, version, at }: FleetEvent): boolean =>
    kept.some(
      (entry) =>
        entry.event === event &&
        entry.version === version &&
        at >= ms(entry.since ?? entry.at) &&
        at <= ms(entry.at),
    );
  const since = heard
    .filter((event) => event.udid === udid && !isKept(event))
    .map(({ event, at, version, error }) => ({ event, at, count: 1, version, error }));
  const past = kept.map(({ event, at, count = 1, version, error }) => ({
    event,
    at: ms(at),
    count,
    version,
    error,
  }));
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
