import { setTimeout as delay } from 'node:timers/promises';
import type MqttFleet from '../load/mqtt-fleet.js';
import type { ConnectOptions } from '../load/mqtt-fleet.js';
import { LoadProcess } from '../load-process.js';
import { nowMs } from '../machine.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { MosquittoServer } from '../peers/mosquitto.js';
import type { ServerProcess } from '../server-process.js';

const NEW_VERSION = '1.1.0';
/** Small: what is measured is telling the devices, not the upload. */
const IMAGE_BYTES = 4096;
/** Long enough for the last acknowledgements to be read. */
const SETTLED_MS = 500;

const WINDOW = 200;

/** Tells a connected fleet and measures from the operator's request to the last device that has its message. */
async function tell(
  load: LoadProcess<MqttFleet>,
  server: ServerProcess,
  devices: number,
  publish: () => Promise<unknown>,
): Promise<Sample> {
  // What connecting left behind is cleared away before the clock starts.
  await delay(SETTLED_MS);
  const heard = load.call('everyoneHears');
  const [cpu, loadCpu] = [server.cpuMs(), load.cpuMs()];
  const begun = nowMs();
  const [{ ended, told, p99 }] = await Promise.all([heard, publish()]);
  const span = ended - begun;
  const busy = (load.cpuMs() - loadCpu) / span;
  await delay(SETTLED_MS);
  if (told !== devices) throw new Error(`${told} messages came for ${devices} devices.`);
  return {
    'devices/s': (devices * 1000) / span,
    'CPU us/device': ((server.cpuMs() - cpu) * 1000) / devices,
    'p99 ms': p99,
    'load core busy': busy,
  };
}

async function connected(options: ConnectOptions): Promise<LoadProcess<MqttFleet>> {
  const load = await LoadProcess.start<MqttFleet>('mqtt-fleet');
  await load.call('connect', options);
  return load;
}

async function ownRound(devices: number): Promise<Sample> {
  const server = await FirmwireServer.start();
  const { mqttPort, credentials } = server;
  const fleet = { owner: credentials.owner, key: credentials.deviceKey, seed: 'push' };
  const load = await connected({
    ...fleet,
    port: mqttPort,
    count: devices,
    window: WINDOW,
    qos: 1,
    checkIn: true,
  });
  try {
    return await tell(load, server.process, devices, async () => {
      const { offered } = await server.publish(NEW_VERSION, IMAGE_BYTES);
      if (offered !== devices) throw new Error(`${offered} of ${devices} devices were offered the firmware.`);
    });
  } finally {
    await load.kill();
    await server.stop();
  }
}

async function mosquittoRound(devices: number): Promise<Sample> {
  const server = await MosquittoServer.start();
  const fleet = { owner: 'f'.repeat(64), key: 'f'.repeat(64), seed: 'push' };
  const load = await connected({
    ...fleet,
    port: server.mqttPort,
    count: devices,
    window: WINDOW,
    qos: 1,
    checkIn: false,
  });
  try {
    return await tell(load, server.process, devices, () => load.call('publishToAll', NEW_VERSION));
  } finally {
    await load.kill();
    await server.stop();
  }
}

/** A release to a connected fleet, each device with its own stored token, against a broker that merely delivers. */
export const push = (devices: number): Scenario => ({
  name: `push-${devices}`,
  what: `publish firmware; ${devices} connected devices each get their own FIRMWARE_UPDATE, QoS 1`,
  contenders: [
    { name: FIRMWIRE, round: () => ownRound(devices) },
    { name: 'mosquitto', round: () => mosquittoRound(devices) },
  ],
  goals: [
    { figure: 'devices/s', against: 'mosquitto', atLeast: 1 },
    { figure: 'CPU us/device', against: 'mosquitto', atMost: 1.5 },
  ],
});
