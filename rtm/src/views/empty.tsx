import { useSignal } from '@preact/signals';
import { useApp } from '../app.js';
import { sketch } from '../model/sketch.js';
import { Copy } from '../ui/copy.js';

const SIMULATOR =
  'npx firmwire simulate --devices 5 --platform arduino:esp8266 --version 1.0.0 --auto-update';
const KEY_ALIAS = 'first devices';
const DEFAULT_MQTT_PORT = 1883;

/** No devices yet: what to do next. */
export function EmptyFleet() {
  const app = useApp();
  const key = useSignal('');
  const make = (): Promise<boolean> =>
    app.attempt(async () => {
      key.value = (await app.api.makeKey({ alias: KEY_ALIAS, scope: 'device' })).secret;
    });
  const text = sketch({
    host: location.hostname,
    httpPort: Number(location.port || (location.protocol === 'https:' ? 443 : 80)),
    mqttPort: app.fleet.server?.mqttPort ?? DEFAULT_MQTT_PORT,
    owner: app.login.owner,
    key: key.value || '<device key>',
  });
  return (
    <section class="empty" aria-labelledby="empty">
      <h1 id="empty">No devices yet</h1>
      <p>A device appears here the moment it connects. This page needs no reload.</p>
      <h2>Try it without hardware</h2>
      <p>On the server's machine, in its folder; five simulated devices connect and wait for an update:</p>
      <Copy text={SIMULATOR} what="the command" />
      <h2>A real device</h2>
      <p>
        A THiNX device needs this server's address, your owner id and a device key. Any other ESP32 runs the
        sketch below, which already carries the address and your owner id.
      </p>
      {key.value ? (
        <p class="success" role="status">
          The device key “{KEY_ALIAS}” is in the sketch. It is shown this once.
        </p>
      ) : (
        <button type="button" onClick={() => void make()}>
          Make a device key and put it in
        </button>
      )}
      <Copy text={text} what="the sketch" />
      <p>
        Then <a href="#/firmware">publish firmware</a>.
      </p>
    </section>
  );
}
