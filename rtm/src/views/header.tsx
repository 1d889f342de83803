import { useEffect } from 'preact/hooks';
import { useApp } from '../app.js';
import { clock } from '../model/text.js';
import { route } from '../route.js';

const VIEWS = [
  { at: 'fleet', name: 'Fleet' },
  { at: 'firmware', name: 'Firmware' },
  { at: 'keys', name: 'Keys' },
] as const;

const CONNECTION = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' } as const;

/** Where to go, whether what is shown is true now, and the way out. */
export function Header({ onLogOut }: { onLogOut: () => void }) {
  const app = useApp();
  const connection = app.connection.value;
  const lostAt = app.lostAt.value;
  const open = app.summary.value.asks;
  // The page is kept open in a tab among others.
  useEffect(() => {
    document.title = open > 0 ? `(${open}) Firmwire` : 'Firmwire';
  }, [open]);
  return (
    <header class="top">
      <a class="brand" href="#/fleet">
        Firmwire
      </a>
      <nav aria-label="Views">
        {VIEWS.map(({ at, name }) => (
          <a key={at} href={`#/${at}`} aria-current={route.value === at ? 'page' : undefined}>
            {name}
            {at === 'fleet' && open > 0 && (
              <span class="count" title={`${open} waiting for your decision`}>
                {open > 999 ? '999+' : open}
              </span>
            )}
          </a>
        ))}
      </nav>
      <span class={`connection ${connection}`} role="status">
        <span class="dot" aria-hidden="true" />
        {CONNECTION[connection]}
        {connection === 'reconnecting' && lostAt !== undefined && (
          <span class="since"> · what you see is from {clock(lostAt).slice(11)}</span>
        )}
      </span>
      <button type="button" class="plain" onClick={onLogOut}>
        Log out
      </button>
    </header>
  );
}
