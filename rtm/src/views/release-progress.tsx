import { useApp } from '../app.js';
import type { UpdateState } from '../model/nouns.js';
import { STATE_NAMES } from '../model/status.js';
import type { Release } from '../model/summary.js';
import { count } from '../model/text.js';
import { InstalledChart } from '../ui/installed-chart.js';

/** In the order of an update's life; those that are near the end first. */
const ORDER: readonly UpdateState[] = [
  'installed',
  'downloaded',
  'downloading',
  'offered',
  'approved',
  'asked',
  'failed',
  'declined',
  'withdrawn',
];

/** How far the newest release is: a bar of its states, their numbers, and when devices came back with it. */
export function ReleaseProgress() {
  const release = useApp().release.value;
  if (!release) return null;
  const installed = release.states.installed ?? 0;
  return (
    <section class="chart" aria-labelledby="release">
      <h2 id="release">
        {release.version}: {installed.toLocaleString('en')} of {count(release.devices, 'device')} installed
      </h2>
      <StackedBar release={release} />
      <ul class="legend">
        {present(release).map(([state, number]) => (
          <li key={state}>
            <span class={`swatch ${state}`} aria-hidden="true" />
            {STATE_NAMES[state]} <strong>{number.toLocaleString('en')}</strong>
          </li>
        ))}
      </ul>
      <InstalledChart release={release} />
    </section>
  );
}

const present = ({ states }: Release): readonly (readonly [UpdateState, number])[] =>
  ORDER.map((state) => [state, states[state] ?? 0] as const).filter(([, number]) => number > 0);

function StackedBar({ release }: { release: Release }) {
  return (
    <div
      class="stack"
      role="progressbar"
      aria-label={`Progress of ${release.version}`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(release.progress)}
    >
      {present(release).map(([state, number]) => (
        <span key={state} class={`part ${state}`} style={{ width: `${(number / release.devices) * 100}%` }} />
      ))}
    </div>
  );
}
