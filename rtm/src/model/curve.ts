import type { Release } from './summary.js';

/** More points than a chart has pixels would be drawn for nothing. */
const MOST_POINTS = 300;

/** How many had it at which time: seconds since the epoch, devices. */
export function curve({ installedAt, since }: Pick<Release, 'installedAt' | 'since'>): [number[], number[]] {
  const step = Math.max(1, Math.ceil(installedAt.length / MOST_POINTS));
  const times = [since / 1000];
  const counts = [0];
  installedAt.forEach((at, index) => {
    if (index % step !== 0 && index !== installedAt.length - 1) return;
    times.push(Math.max(at, since) / 1000);
    counts.push(index + 1);
  });
  return [times, counts];
}
