import { useSignal } from '@preact/signals';
import type { DevicePatch } from '../api.js';
import { type App, useApp } from '../app.js';
import type { DeviceView } from '../model/nouns.js';

const change = (app: App, { udid }: DeviceView, patch: DevicePatch, done: string): Promise<boolean> =>
  app.attempt(() => app.api.patchDevice(udid, patch), done);

/** What an owner sets about a device: whether it updates by itself, how it is called, its tags. */
export function DeviceSettings({ device }: { device: DeviceView }) {
  const app = useApp();
  const { alias, autoUpdate, tags } = device;
  const toggle = (on: boolean): void => {
    const done = on ? `${alias} now updates by itself.` : `You are asked before ${alias} updates.`;
    void change(app, device, { autoUpdate: on }, done);
  };
  return (
    <>
      <label>
        <input
          type="checkbox"
          role="switch"
          checked={autoUpdate}
          onChange={(event) => {
            const wanted = event.currentTarget.checked;
            // What is shown is what the server says, which follows over MQTT.
            event.currentTarget.checked = autoUpdate;
            toggle(wanted);
          }}
        />
        Auto update
      </label>
      <Field
        label="Alias"
        value={alias}
        maxLength={100}
        onSave={(text) => change(app, device, { alias: text }, `It is called ${text} now.`)}
      />
      <Field
        label="Tags"
        hint="separated by commas"
        value={tags.join(', ')}
        onSave={(text) => change(app, device, { tags: readTags(text) }, 'The tags were saved.')}
      />
    </>
  );
}

const readTags = (text: string): readonly string[] => [
  ...new Set(
    text
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean),
  ),
];

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly maxLength?: number;
  readonly onSave: (text: string) => Promise<boolean>;
}

/** One text with its own button; it follows the server until somebody types. */
function Field({ label, hint, value, maxLength, onSave }: FieldProps) {
  const typed = useSignal<string | undefined>(undefined);
  const text = typed.value ?? value;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await onSave(text.trim())) typed.value = undefined;
  };
  return (
    <form class="field" onSubmit={(event) => void save(event)}>
      <label>
        {label} {hint && <small class="muted">{hint}</small>}
        <input
          value={text}
          {...(maxLength !== undefined && { maxLength })}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
          }}
        />
      </label>
      <button
        type="submit"
        class="small secondary"
        disabled={typed.value === undefined || text.trim() === value}
      >
        Save {label.toLowerCase()}
      </button>
    </form>
  );
}
