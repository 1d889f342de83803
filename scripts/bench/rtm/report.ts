import { table } from '../../cli/table.js';
import type { Kept, Measured } from './measure.js';

const ms = (value: number): string => `${value.toFixed(0)} ms`;

const framesRow = (what: string, frames: Kept): readonly string[] => [
  what,
  ms(frames.longest),
  `${frames.over50} / ${frames.over100} of ${frames.count}`,
  frames.longestTask === 0 ? '< 50 ms' : ms(frames.longestTask),
  `${frames.all.toFixed(1)} s (${frames.scripts.toFixed(1)} + ${frames.style.toFixed(1)} + ${frames.layout.toFixed(1)})`,
];

/** What was measured, for a person. */
export function describe(measured: Measured): string {
  const { devices, waiting, firstRowMs, allMs, login, back, release, decline, scroll, heapMiB } = measured;
  return [
    table([
      ['what', 'figure'],
      ['devices', `${devices}, of which ${waiting} wait for a decision`],
      ['login to first row', ms(firstRowMs)],
      ['login to all devices', ms(allMs)],
      [
        'all come back and check in',
        `${back.seconds.toFixed(1)} s, shown ${ms(back.behindMs)} after the last answer`,
      ],
      [
        'release that asks',
        `${release.seconds.toFixed(1)} s, shown ${ms(release.behindMs)} after a bare MQTT client had it`,
      ],
      ['decline all of it', `${decline.seconds.toFixed(1)} s from the click until nothing waits`],
      ['heap', `${heapMiB.toFixed(1)} MiB`],
    ]),
    table([
      ['frames', 'longest gap', 'over 50 / 100 ms', 'longest task', 'busy (scripts + style + layout)'],
      framesRow('login', login),
      framesRow('all come back', back.frames),
      framesRow('release that asks', release.frames),
      framesRow('decline all of it', decline.frames),
      framesRow('scrolling down', scroll),
    ]),
  ].join('\n');
}
