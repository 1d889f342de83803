import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { ApiError } from '../api.js';
import { useApp } from '../app.js';
import { count, size, versionIn } from '../model/text.js';

/** The server reads the fields before the files. */
const FIELDS = ['version', 'platform', 'tags', 'notes', 'rollout'] as const;

/** Publishes firmware: files are dropped or chosen, and the refusal's reason is shown as it is. */
export function PublishForm() {
  const app = useApp();
  const form = useRef<HTMLFormElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const files = useSignal<readonly File[]>([]);
  const version = useSignal('');
  const percent = useSignal<number | undefined>(undefined);
  const refusal = useSignal('');
  const result = useSignal('');
  const isOver = useSignal(false);

  const choose = (list: FileList | null | undefined): void => {
    files.value = [...(list ?? [])];
    refusal.value = '';
    result.value = '';
    const found = versionIn(files.value[0]?.name ?? '');
    if (found && version.value === '') version.value = found;
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    isOver.value = false;
    choose(event.dataTransfer?.files);
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!form.current) return;
    if (files.value.length === 0) {
      refusal.value = 'Choose a file first, or drop one here.';
      return;
    }
    const typed = new FormData(form.current);
    const body = new FormData();
    for (const name of FIELDS) {
      const value = String(typed.get(name) ?? '').trim();
      if (value) body.append(name, value);
    }
    for (const file of files.value) body.append('file', file);
    refusal.value = '';
    result.value = '';
    percent.value = 0;
    try {
      const { firmware, offered, asked, rollout } = await app.api.publish(body, (done) => {
        percent.value = done;
      });
      result.value = rollout
        ? `${firmware.version} is published: it comes to ${count(rollout.devices, 'device')} in ${rollout.stages.length} stages.`
        : `${firmware.version} is published: ${count(offered, 'device')} told at once, ${count(asked, 'question')} for you.`;
      files.value = [];
      version.value = '';
      form.current.reset();
    } catch (error) {
      refusal.value = error instanceof ApiError ? error.message : String(error);
    } finally {
      percent.value = undefined;
    }
  };

  const isBusy = percent.value !== undefined;
  return (
    <form ref={form} class="publish" aria-label="Publish firmware" onSubmit={(event) => void submit(event)}>
      <div
        class={isOver.value ? 'drop over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault();
          isOver.value = true;
        }}
        onDragLeave={() => {
          isOver.value = false;
        }}
        onDrop={drop}
      >
        <label>
          Firmware file
          <input ref={input} type="file" multiple onChange={(event) => choose(event.currentTarget.files)} />
        </label>
        <p class="muted">
          {files.value.length === 0
            ? 'or drop it here; several files for nodemcu, micropython, mongoose and nodejs'
            : files.value.map((file) => `${file.name} (${size(file.size)})`).join(', ')}
        </p>
      </div>
      <div class="grid">
        <label>
          Version
          <input
            name="version"
            required
            placeholder="1.2.0"
            autocomplete="off"
            value={version.value}
            onInput={(event) => {
              version.value = event.currentTarget.value;
            }}
          />
        </label>
        <label>
          Platform
          <input name="platform" required list="platforms" placeholder="arduino:esp8266" autocomplete="off" />
          <datalist id="platforms">
            {app.summary.value.platforms.map((platform) => (
              <option key={platform} value={platform} />
            ))}
          </datalist>
        </label>
        <label>
          Only devices with tags
          <input name="tags" placeholder="all devices" autocomplete="off" />
        </label>
      </div>
      <label>
        Notes
        <textarea name="notes" rows={2} maxLength={4096} />
      </label>
      <label>
        Release
        <select name="rollout">
          <option value="">to a few devices at once, to many in stages</option>
          <option value="all-at-once">to all devices at once</option>
          <option value="none">to nobody by itself: store it only</option>
        </select>
      </label>
      {refusal.value && (
        <p role="alert" class="refusal">
          {refusal.value}
        </p>
      )}
      {result.value && (
        <p role="status" class="success">
          {result.value}
        </p>
      )}
      {isBusy && (
        <progress max={100} value={percent.value} aria-label="Upload">
          {Math.round(percent.value ?? 0)} %
        </progress>
      )}
      <button type="submit" disabled={isBusy}>
        {isBusy ? 'Publishing' : 'Publish'}
      </button>
    </form>
  );
}
