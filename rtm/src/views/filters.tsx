import { useApp } from '../app.js';
import type { Query, Show } from '../model/rows.js';

interface Props {
  readonly query: Query;
  readonly onChange: (part: Partial<Query>) => void;
}

/** Narrows the table: by words, by what a device is doing, by platform and tag. */
export function Filters({ query, onChange }: Props) {
  const summary = useApp().summary.value;
  const shows: readonly (readonly [Show, string, number])[] = [
    ['all', 'All', summary.all],
    ['online', 'Online', summary.online],
    ['offline', 'Offline', summary.offline],
    ['asks', 'Waiting for you', summary.asks],
    ['updating', 'Updating', summary.updating],
    ['failed', 'Failed', summary.failed],
  ];
  return (
    <div class="filters">
      <input
        type="search"
        aria-label="Search devices"
        placeholder="Search alias, UDID, MAC, version, reason"
        value={query.text}
        onInput={(event) => onChange({ text: event.currentTarget.value })}
      />
      <div class="chips" role="group" aria-label="Show">
        {shows.map(([show, name, number]) => (
          <button
            key={show}
            type="button"
            class="chip"
            aria-pressed={query.show === show}
            onClick={() => onChange({ show })}
          >
            {name} <span class="number">{number.toLocaleString('en')}</span>
          </button>
        ))}
      </div>
      <Choice
        name="Version"
        value={query.version}
        options={summary.versions.map(({ name }) => name)}
        onChoose={(version) => onChange({ version })}
      />
      {summary.platforms.length > 1 && (
        <Choice
          name="Platform"
          value={query.platform}
          options={summary.platforms}
          onChoose={(platform) => onChange({ platform })}
        />
      )}
      {summary.tags.length > 0 && (
        <Choice name="Tag" value={query.tag} options={summary.tags} onChoose={(tag) => onChange({ tag })} />
      )}
    </div>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onChoose: (value: string) => void;
}

function Choice({ name, value, options, onChoose }: ChoiceProps) {
  return (
    <select aria-label={name} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
      <option value="">{name}: any</option>
      {options.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  );
}
