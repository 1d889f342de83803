import { useApp } from '../app.js';
import type { Query } from '../model/rows.js';
import { Activity } from './activity.js';
import { Decisions } from './decisions.js';
import { EmptyFleet } from './empty.js';
import { Filters } from './filters.js';
import { FleetTable } from './fleet-table.js';
import { ReleaseProgress } from './release-progress.js';
import { Versions } from './versions.js';

/** What needs a decision, then the fleet. */
export function FleetPage() {
  const app = useApp();
  const { query } = app;
  app.revision.value;
  if (!app.fleet.complete && app.fleet.devices.size === 0) {
    return (
      <p class="wait" aria-busy="true">
        {app.connection.value === 'live' ? 'Asking for your devices' : 'Connecting to the server'}
      </p>
    );
  }
  if (app.fleet.devices.size === 0) return <EmptyFleet />;
  const change = (part: Partial<Query>): void => {
    query.value = { ...query.value, ...part };
  };
  return (
    <>
      <h1 class="unseen">Fleet</h1>
      <Decisions />
      <div class="charts">
        <Versions chosen={query.value.version} onChoose={(version) => change({ version })} />
        <ReleaseProgress />
      </div>
      <section aria-labelledby="devices">
        <h2 id="devices">Devices</h2>
        <Filters query={query.value} onChange={change} />
        <FleetTable query={query.value} onChange={change} />
      </section>
      <Activity />
    </>
  );
}
