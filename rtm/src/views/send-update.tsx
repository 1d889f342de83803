import { useSignal } from '@preact/signals';
import { ApiError } from '../api.js';
import { useApp } from '../app.js';
import type { DeviceView, FirmwareView } from '../model/nouns.js';
import { Dialog } from '../ui/dialog.js';

/** Firmware that may be for a device: the server has the last word, and says why not. */
const fits = (device: DeviceView, firmware: FirmwareView): boolean =>
  firmware.udid === device.udid ||
  (firmware.udid === null && firmware.platform?.split(':')[0] === device.platform?.split(':')[0]);

/** Sends one device a firmware at the owner's word: also an older one, with a warning. */
export function SendUpdate({ device }: { device: DeviceView }) {
  const app = useApp();
  const isOpen = useSignal(false);
  const list = [...app.fleet.firmware.values()]
    .filter((firmware) => fits(device, firmware))
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  if (list.length === 0) return null;
  return (
    <p>
      <button
        type="button"
        class="small"
        onClick={() => {
          isOpen.value = true;
        }}
      >
        Send an update
      </button>
      {isOpen.value && (
        <SendDialog
          device={device}
          list={list}
          onClose={() => {
            isOpen.value = false;
          }}
        />
      )}
    </p>
  );
}

interface Props {
  readonly device: DeviceView;
  readonly list: readonly FirmwareView[];
  readonly onClose: () => void;
}

function SendDialog({ device, list, onClose }: Props) {
  const app = useApp();
  const chosen = useSignal(list[0]?.id ?? '');
  const forced = useSignal(false);
  const refusal = useSignal('');
  const version = app.fleet.firmware.get(chosen.value)?.version ?? '';
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    refusal.value = '';
    try {
      await app.api.sendUpdate(device.udid, chosen.value, forced.value);
      app.say(`${version} is on its way to ${device.alias}.`);
      onClose();
    } catch (error) {
      // Not where other failures are told: that is behind the open dialog, and out of reach.
      refusal.value = error instanceof ApiError ? error.message : String(error);
    }
  };
  return (
    <Dialog title={`Send an update to ${device.alias}`} onClose={onClose}>
      <form onSubmit={(event) => void send(event)}>
        <label>
          Firmware
          <select
            value={chosen.value}
            onChange={(event) => {
              chosen.value = event.currentTarget.value;
            }}
          >
            {list.map(({ id, version: name, platform }) => (
              <option key={id} value={id}>
                {name} {platform === null ? 'for this device' : `for ${platform}`}
              </option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={forced.value}
            onChange={(event) => {
              forced.value = event.currentTarget.checked;
            }}
          />
          Also if it is not newer (forced)
        </label>
        {forced.value ? (
          <p role="alert" class="warning">
            <strong>
              {device.alias} runs {device.version ?? 'an unknown version'} and will be flashed with {version}{' '}
              whatever that is.
            </strong>{' '}
            An image that does not suit it can make it unreachable until somebody goes there with a cable.
          </p>
        ) : (
          <p class="muted">This is your consent: you are not asked again.</p>
        )}
        {refusal.value && (
          <p role="alert" class="refusal">
            {refusal.value}
          </p>
        )}
        <footer class="buttons">
          <button type="button" class="secondary" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={forced.value ? 'danger' : ''}>
            {forced.value ? 'Send it all the same' : 'Send'}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
