import { useMemo } from 'preact/hooks';
import { useApp } from '../app.js';
import type { DeviceView } from '../model/nouns.js';
import { type Query, Rows, type SortKey } from '../model/rows.js';
import { ago, count } from '../model/text.js';
import { isNarrow } from '../ui/media.js';
import { OnlineLabel, UpdateStateLabel } from '../ui/update-state.js';
import { VirtualList } from '../ui/virtual-list.js';

const ROW = 52;
const CARD = 116;

const COLUMNS: readonly { readonly key: SortKey | undefined; readonly name: string }[] = [
  { key: 'alias', name: 'Device' },
  { key: 'platform', name: 'Platform' },
  { key: 'version', name: 'Version' },
  { key: 'online', name: 'Online' },
  { key: 'lastSeen', name: 'Last seen' },
  { key: 'update', name: 'Update' },
  { key: undefined, name: 'Why' },
];

interface Props {
  readonly query: Query;
  readonly onChange: (part: Partial<Query>) => void;
}

/** The fleet, one row a device; on a narrow screen one card a device. */
export function FleetTable({ query, onChange }: Props) {
  const app = useApp();
  const rows = useMemo(() => new Rows(), []);
  const revision = app.revision.value;
  const devices = useMemo(() => rows.select(app.fleet.devices, query), [rows, app, revision, query]);
  const sort = (key: SortKey): void =>
    onChange({ sort: key, descending: query.sort === key && !query.descending });
  return (
    <>
      <p class="unseen" role="status">
        {count(devices.length, 'device')} shown
      </p>
      {isNarrow.value && <SortChoice query={query} onChange={onChange} />}
      <div class="table" role="table" aria-label="Devices" aria-rowcount={devices.length + 1}>
        <div role="rowgroup" class="head">
          <div role="row" aria-rowindex={1} class="cells">
            {COLUMNS.map(({ key, name }) => (
              <span
                key={name}
                role="columnheader"
                aria-sort={key !== query.sort ? undefined : query.descending ? 'descending' : 'ascending'}
              >
                {key === undefined ? (
                  name
                ) : (
                  <button type="button" class="plain" onClick={() => sort(key)}>
                    {name}
                    <span aria-hidden="true">{key !== query.sort ? '' : query.descending ? ' ↓' : ' ↑'}</span>
                  </button>
                )}
              </span>
            ))}
          </div>
        </div>
        <VirtualList
          count={devices.length}
          rowHeight={isNarrow.value ? CARD : ROW}
          row={(index) => <Row device={devices[index]} now={app.now.value} />}
        />
      </div>
      {devices.length === 0 && <p class="muted">No device matches.</p>}
    </>
  );
}

function Row({ device, now }: { device: DeviceView | undefined; now: number }) {
  if (!device) return null;
  const { udid, alias, tags, platform, version, online, lastSeen, why } = device;
  return (
    <div class="cells" role="presentation">
      <span role="cell" class="who">
        <a href={`#/device/${udid}`}>{alias}</a>
        {tags.map((tag) => (
          <span key={tag} class="tag">
            {tag}
          </span>
        ))}
      </span>
      <span role="cell" class="platform">
        {platform ?? 'unknown'}
      </span>
      <span role="cell" class="version">
        {version ?? 'not told'}
      </span>
      <span role="cell" class="presence">
        <OnlineLabel online={online} />
      </span>
      <span role="cell" class="seen">
        <time dateTime={lastSeen} title={lastSeen}>
          {ago(lastSeen, now)}
        </time>
      </span>
      <span role="cell" class="update">
        <UpdateStateLabel device={device} />
      </span>
      <span role="cell" class="why" title={why.sentence}>
        {why.sentence}
      </span>
    </div>
  );
}

/** Column heads do not fit on a narrow screen. */
function SortChoice({ query, onChange }: Props) {
  return (
    <select
      aria-label="Sort by"
      value={query.sort}
      onChange={(event) => onChange({ sort: event.currentTarget.value as SortKey, descending: false })}
    >
      {COLUMNS.map(
        ({ key, name }) =>
          key && (
            <option key={key} value={key}>
              Sort by {name.toLowerCase()}
            </option>
          ),
      )}
    </select>
  );
}
