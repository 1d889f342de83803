import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { useApp } from '../app.js';
import { eventText } from '../model/event-text.js';
import { clock } from '../model/text.js';
import { type PastEvent, timeline } from '../model/timeline.js';

/** What happened to a device: what the server has kept, read once for each connection, and what is heard since. */
export function Timeline({ udid }: { udid: string }) {
  const app = useApp();
  const kept = useSignal<readonly PastEvent[]>([]);
  const failure = useSignal('');
  const connection = app.connection.value;
  app.revision.value;
  useEffect(() => {
    if (connection !== 'live') return;
    app.api.history(udid).then(
      (events) => {
        kept.value = events;
        failure.value = '';
      },
      (error: Error) => {
        failure.value = error.message;
      },
    );
  }, [app, udid, connection, kept, failure]);
  const moments = timeline(kept.value, [...app.fleet.events, ...app.fleet.checkIns], udid);
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      {failure.value && <p class="error">What happened earlier cannot be shown: {failure.value}</p>}
      <ol class="events">
        {moments.map(({ event, at, count, version, error }) => (
          <li key={`${at} ${event}`} class={event}>
            <time dateTime={new Date(at).toISOString()}>{clock(at)}</time>
            <span>
              {eventText(event, version)}
              {count > 1 && <span class="muted"> ({count} times)</span>}
              {error !== undefined && <em class="error">: {error}</em>}
            </span>
          </li>
        ))}
      </ol>
      {moments.length === 0 && !failure.value && <p class="muted">Nothing yet.</p>}
    </section>
  );
}
