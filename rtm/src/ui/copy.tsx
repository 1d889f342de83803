import { useSignal } from '@preact/signals';

/** A text to take along, with a button. Without a secure context browsers have no clipboard: the text can be selected. */
export function Copy({ text, what }: { text: string; what: string }) {
  const isCopied = useSignal(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    isCopied.value = true;
  };
  return (
    <div class="copy">
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
      {window.isSecureContext && (
        <button type="button" class="small secondary" onClick={() => void copy()}>
          {isCopied.value ? 'Copied' : `Copy ${what}`}
        </button>
      )}
    </div>
  );
}
