import { useState } from 'preact/hooks';
import type { Login } from '../session.js';

interface Props {
  /** Who tried last. */
  readonly owner: string;
  readonly refusal: string;
  readonly onLogin: (login: Login) => void;
}

/** Asks for owner id and owner key. */
export function LoginForm({ owner: lastOwner, refusal, onLogin }: Props) {
  const [owner, setOwner] = useState(lastOwner);
  const [key, setKey] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    onLogin({ owner: owner.trim(), key: key.trim() });
  };
  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1>Firmwire</h1>
        {refusal && (
          <p role="alert" class="refusal">
            {refusal}
          </p>
        )}
        <label>
          Owner id
          <input
            name="owner"
            required
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            value={owner}
            onInput={(event) => setOwner(event.currentTarget.value)}
          />
        </label>
        <label>
          Owner key
          <input
            name="key"
            type="password"
            required
            autocomplete="current-password"
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Log in</button>
        <p class="muted">
          Both were printed at the server's first start and are in <code>credentials.json</code> in its data
          folder. They are kept for this tab only.
        </p>
      </form>
    </main>
  );
}
