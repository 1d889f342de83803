import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { KeyView, NewKey } from '../api.js';
import { useApp } from '../app.js';
import { clock } from '../model/text.js';
import { Copy } from '../ui/copy.js';
import { Confirm } from '../ui/dialog.js';

const DAY_MS = 86_400_000;

/** Makes and revokes keys; a new one is shown once. */
export function KeysPage() {
  const app = useApp();
  const keys = useSignal<readonly KeyView[]>([]);
  const made = useSignal<NewKey | undefined>(undefined);
  const load = async (): Promise<void> => {
    await app.attempt(async () => {
      keys.value = await app.api.keys();
    });
  };
  useEffect(() => void load(), []);
  const make = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const typed = new FormData(form);
    const days = Number(typed.get('days'));
    const done = await app.attempt(async () => {
      made.value = await app.api.makeKey({
        alias: String(typed.get('alias')),
        scope: String(typed.get('scope')),
        ...(days > 0 && { expiresAt: new Date(Date.now() + days * DAY_MS).toISOString() }),
      });
    });
    if (!done) return;
    form.reset();
    await load();
  };
  return (
    <>
      <h1>Keys</h1>
      <p>
        Devices log in with a <strong>device</strong> key; programs that act for you, and this page, with an{' '}
        <strong>owner</strong> key. A build server needs no more than <strong>publish</strong>, a dashboard no
        more than <strong>read</strong>. A key that ends or is revoked ends the sessions opened with it.
      </p>
      <form class="make-key" aria-label="Make a key" onSubmit={(event) => void make(event)}>
        <label>
          Name
          <input name="alias" required maxLength={100} autocomplete="off" />
        </label>
        <label>
          Scope
          <select name="scope">
            <option value="device">device</option>
            <option value="owner">owner</option>
            <option value="publish">publish</option>
            <option value="read">read</option>
          </select>
        </label>
        <label>
          Ends
          <select name="days">
            <option value="0">never</option>
            <option value="30">in 30 days</option>
            <option value="90">in 90 days</option>
            <option value="365">in a year</option>
          </select>
        </label>
        <button type="submit">Make a key</button>
      </form>
      {made.value && (
        <section class="secret" role="status">
          <p>
            The key <strong>{made.value.alias}</strong>. It is shown this once; the server keeps only its
            digest.
          </p>
          <Copy text={made.value.secret} what="the key" />
        </section>
      )}
      <ul class="cards">
        {keys.value.map((key) => (
          <KeyCard key={key.id} apiKey={key} onRevoked={() => void load()} />
        ))}
      </ul>
    </>
  );
}

function KeyCard({
  apiKey: { id, alias, scope, createdAt, expiresAt, device },
  onRevoked,
}: {
  apiKey: KeyView;
  onRevoked: () => void;
}) {
  const app = useApp();
  const asking = useSignal(false);
  const revoke = async (): Promise<void> => {
    if (await app.attempt(() => app.api.revokeKey(id), `The key ${alias} was revoked.`)) onRevoked();
  };
  return (
    <li class="card">
      <div>
        <strong>{alias}</strong> <span class="badge settled">{scope}</span>
        <p class="muted">
          made {clock(createdAt)}
          {expiresAt && `, ${Date.parse(expiresAt) <= Date.now() ? 'ended' : 'ends'} ${clock(expiresAt)}`}
          {device && `, only for ${device}`}
        </p>
      </div>
      <button
        type="button"
        class="small danger outline"
        aria-label={`Revoke ${alias}`}
        onClick={() => {
          asking.value = true;
        }}
      >
        Revoke
      </button>
      {asking.value && (
        <Confirm
          title={`Revoke ${alias}?`}
          text="What logs in with it is cut off at once and cannot come back with it. If this page uses it, you are logged out."
          verb="Revoke it"
          onConfirm={() => void revoke()}
          onClose={() => {
            asking.value = false;
          }}
        />
      )}
    </li>
  );
}
