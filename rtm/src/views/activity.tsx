import { useApp } from '../app.js';
import { eventText } from '../model/event-text.js';
import { clock } from '../model/text.js';

const SHOWN = 20;

/** What happened in the fleet since the page was opened, newest first. */
export function Activity() {
  const app = useApp();
  app.revision.value;
  const events = app.fleet.events.slice(0, SHOWN);
  return (
    <section aria-labelledby="activity">
      <h2 id="activity">Activity</h2>
      {events.length === 0 && <p class="muted">Nothing has happened since you opened this page.</p>}
      <ol class="events">
        {events.map((event) => (
          <li key={`${event.at} ${event.udid} ${event.event}`} class={event.event}>
            <time dateTime={new Date(event.at).toISOString()}>{clock(event.at).slice(11)}</time>
            <span>
              {event.udid !== undefined && <a href={`#/device/${event.udid}`}>{event.alias}</a>}{' '}
              {eventText(event.event, event.version)}
              {event.error !== undefined && <em class="error">: {event.error}</em>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
