import type { DeviceView } from '../model/nouns.js';
import { STATE_NAMES, statusOf } from '../model/status.js';

/** The state of a device's update: its name, and a bar while it is on its way. */
export function UpdateStateLabel({ device }: { device: DeviceView }) {
  const { update, why } = device;
  if (!update) return <span class="muted">-</span>;
  const name = why.reason === 'postponed' ? 'Postponed' : STATE_NAMES[update.state];
  const percent = Math.round(update.progress);
  return (
    <span class="state">
      <span class={`badge ${statusOf(device)}`}>
        {name} {update.version}
      </span>
      {update.state === 'downloading' && (
        <progress max={100} value={percent} aria-label={`Download of ${update.version} to ${device.alias}`}>
          {percent} %
        </progress>
      )}
    </span>
  );
}

/** Whether a device is connected over MQTT now. */
export function OnlineLabel({ online }: { online: boolean }) {
  return (
    <span class={online ? 'online' : 'offline'}>
      <span class="dot" aria-hidden="true" />
      {online ? 'online' : 'offline'}
    </span>
  );
}
