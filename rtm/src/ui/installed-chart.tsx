import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { curve } from '../model/curve.js';
import type { Release } from '../model/summary.js';
import { clock, count } from '../model/text.js';

const HEIGHT = 130;

const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const DAY_SECONDS = 86_400;

/** Times as everywhere on the page; the day alone where the hour would say nothing. */
function timesOf(_plot: uPlot, seconds: readonly number[]): string[] {
  const span = (seconds.at(-1) ?? 0) - (seconds[0] ?? 0);
  return seconds.map((at) => {
    const text = clock(at * 1000);
    if (span >= 2 * DAY_SECONDS) return text.slice(5, 10);
    return text.slice(11, span > 600 ? 16 : 19);
  });
}

function optionsFor(width: number): uPlot.Options {
  const axis = {
    stroke: colour('--pico-muted-color'),
    grid: { stroke: colour('--pico-muted-border-color'), width: 1 },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max)] } },
    axes: [
      { ...axis, values: timesOf, space: 70 },
      { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000] },
    ],
    series: [
      {},
      { stroke: colour('--installed'), width: 2, fill: colour('--installed-faint'), points: { show: false } },
    ],
  };
}

/** Devices that came back with the release, over time. */
export function InstalledChart({ release }: { release: Release }) {
  const ref = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const latest = useRef(release);
  latest.current = release;
  const isDrawn = release.installedAt.length > 1;

  useEffect(() => {
    const place = ref.current;
    if (!place || !isDrawn) return;
    const draw = (): void => {
      chart.current?.destroy();
      chart.current = new uPlot(optionsFor(place.clientWidth), curve(latest.current), place);
    };
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const size = new ResizeObserver(() => {
      if (chart.current?.width !== place.clientWidth) draw();
    });
    draw();
    dark.addEventListener('change', draw);
    size.observe(place);
    return () => {
      dark.removeEventListener('change', draw);
      size.disconnect();
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, [isDrawn]);

  useEffect(() => chart.current?.setData(curve(release)), [release]);

  if (!isDrawn) return null;
  const label = `${count(release.installedAt.length, 'device')} installed ${release.version}, over time`;
  return <div ref={ref} class="plot" role="img" aria-label={label} />;
}
