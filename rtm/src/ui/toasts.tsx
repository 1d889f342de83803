import { useApp } from '../app.js';

/** What was done or refused, for a moment; read out, too. */
export function Toasts() {
  const app = useApp();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {app.toasts.value.map(({ id, text, isFailure }) => (
        <div key={id} class={isFailure ? 'toast failure' : 'toast'}>
          <span>{text}</span>
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => app.unsay(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
