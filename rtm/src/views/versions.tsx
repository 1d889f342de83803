import { useApp } from '../app.js';
import { count } from '../model/text.js';

const MOST = 6;

interface Props {
  readonly chosen: string;
  readonly onChoose: (version: string) => void;
}

/** Which versions the fleet runs, as bars; a bar narrows the table to its version. */
export function Versions({ chosen, onChoose }: Props) {
  const { versions, all } = useApp().summary.value;
  const rest = versions.slice(MOST).reduce((sum, share) => sum + share.count, 0);
  const top = versions[0]?.count ?? 1;
  return (
    <section class="chart" aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      <ul class="bars">
        {versions.slice(0, MOST).map(({ name, count: number }) => (
          <li key={name}>
            <button
              type="button"
              class="bar"
              aria-pressed={chosen === name}
              title={chosen === name ? 'Show all versions' : `Show only ${name}`}
              onClick={() => onChoose(chosen === name ? '' : name)}
            >
              <span class="name">{name}</span>
              <span class="track" aria-hidden="true">
                <span class="fill" style={{ transform: `scaleX(${number / top})` }} />
              </span>
              <span class="number">
                {number.toLocaleString('en')} <span class="muted">{percent(number, all)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {rest > 0 && (
        <p class="muted">
          and {count(versions.length - MOST, 'version')} on {count(rest, 'device')}
        </p>
      )}
    </section>
  );
}

const percent = (part: number, all: number): string => {
  const value = (part / Math.max(1, all)) * 100;
  return `${value > 0 && value < 1 ? '<1' : Math.round(value)} %`;
};
