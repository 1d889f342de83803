import { useSignal } from '@preact/signals';
import { type App, useApp } from '../app.js';
import type { DeviceView as Device } from '../model/nouns.js';
import { clock } from '../model/text.js';
import { go } from '../route.js';
import { Confirm } from '../ui/dialog.js';
import { OnlineLabel, UpdateStateLabel } from '../ui/update-state.js';
import { AnswerButtons } from './decisions.js';
import { DeviceSettings } from './device-settings.js';
import { SendUpdate } from './send-update.js';
import { Timeline } from './timeline.js';

/** One device: what it is, why it is where it is, what happened to it, and what its owner may do. */
export function DeviceView({ udid }: { udid: string }) {
  const app = useApp();
  app.revision.value;
  const device = app.fleet.devices.get(udid);
  if (!device) {
    if (!app.fleet.complete)
      return (
        <p class="wait" aria-busy="true">
          Asking for your devices
        </p>
      );
    return (
      <p>
        There is no such device. <a href="#/fleet">Back to the fleet</a>
      </p>
    );
  }
  return (
    <>
      <p>
        <a href="#/fleet">← Fleet</a>
      </p>
      <h1>{device.alias}</h1>
      <section class="now" aria-label="Update">
        <p class="sentence">{device.why.sentence}</p>
        <UpdateStateLabel device={device} />
        {device.update?.error && (
          <p class="error">
            The updater reported: <strong>{device.update.error}</strong> (attempt {device.update.attempts})
          </p>
        )}
        <Question app={app} device={device} />
      </section>
      <div class="columns">
        <section aria-labelledby="facts">
          <h2 id="facts">Facts</h2>
          <Facts device={device} />
        </section>
        <section aria-labelledby="settings">
          <h2 id="settings">Settings</h2>
          <DeviceSettings device={device} />
          <SendUpdate device={device} />
          <Forget app={app} device={device} />
        </section>
      </div>
      <Timeline udid={udid} />
    </>
  );
}

function Question({ app, device }: { app: App; device: Device }) {
  const notice = app.fleet.notices.get(device.udid);
  if (!notice) return null;
  return (
    <AnswerButtons
      about={`${notice.version} on ${device.alias}`}
      isBusy={app.answering.value.has(notice.nid)}
      onAnswer={(answer) => void app.answer([notice.nid], answer)}
    />
  );
}

function Facts({ device }: { device: Device }) {
  const { udid, mac, platform, version, online, lastSeen, createdAt, status, rssi } = device;
  const facts: readonly (readonly [string, string])[] = [
    ['UDID', udid],
    ['MAC', mac ?? 'not told'],
    ['Platform', platform ?? 'not told'],
    ['Version', version ?? 'not told'],
    ['Last seen', clock(lastSeen)],
    ['First seen', clock(createdAt)],
    ['Status', status ?? 'not told'],
    ['Signal', rssi === null ? 'not told' : `${rssi} dBm`],
  ];
  return (
    <dl class="facts">
      <div>
        <dt>Connection</dt>
        <dd>
          <OnlineLabel online={online} />
        </dd>
      </div>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Forget({ app, device }: { app: App; device: Device }) {
  const asking = useSignal(false);
  const forget = async (): Promise<void> => {
    const done = await app.attempt(() => app.api.forgetDevice(device.udid), `${device.alias} was forgotten.`);
    if (done) go('fleet');
  };
  return (
    <p>
      <button
        type="button"
        class="small danger outline"
        onClick={() => {
          asking.value = true;
        }}
      >
        Forget this device
      </button>
      {asking.value && (
        <Confirm
          title={`Forget ${device.alias}?`}
          text="Its record, its history and what it is owed are removed. It appears as a new device if it comes back."
          verb="Forget it"
          onConfirm={() => void forget()}
          onClose={() => {
            asking.value = false;
          }}
        />
      )}
    </p>
  );
}
