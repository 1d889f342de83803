import type { Bench } from '../bench.js';
import type MqttFleet from '../load/mqtt-fleet.js';
import type { ConnectOptions } from '../load/mqtt-fleet.js';
import type { LoadProcess } from '../load-process.js';
import { nowMs } from '../machine.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { MosquittoServer } from '../peers/mosquitto.js';
import { NetServer } from '../peers/net.js';
import type { ServerProcess } from '../server-process.js';
import { cpuFor, fleetOf, IMAGE_BYTES, settled, strangers, WINDOW, withLoad, withServer } from './parts.js';

export const NEW_VERSION = '1.1.0';

/** Tells a connected fleet and measures from the operator's request to the last device that has its message. */
async function tell(
  load: LoadProcess<MqttFleet>,
  server: ServerProcess,
  devices: number,
  publish: () => Promise<unknown>,
): Promise<Sample> {
  // What connecting left behind is cleared away before the clock starts.
  await settled();
  const loadCpu = load.cpuMs();
  const { result, cpuUs } = await cpuFor(server, devices, async () => {
    const heard = load.call('everyoneHears');
    const begun = nowMs();
    const [{ ended, told, p99 }] = await Promise.all([heard, publish()]);
    const span = ended - begun;
    return { span, told, p99, busy: (load.cpuMs() - loadCpu) / span };
  });
  const { span, told, p99, busy } = result;
  if (told !== devices) throw new Error(`${told} messages came for ${devices} devices.`);
  return {
    'devices/s': (devices * 1000) / span,
    'CPU us/device': cpuUs,
    ms: span,
    'p99 ms': p99,
    'load core busy': busy,
  };
}

const connected = <T>(
  bench: Bench,
  options: ConnectOptions,
  action: (load: LoadProcess<MqttFleet>) => Promise<T>,
) =>
  withLoad<MqttFleet, T>(bench, 'mqtt-fleet', async (load) => {
    await load.call('connect', options);
    return action(load);
  });

/** One round of the product: devices with auto update on, each of which is told. */
export const pushRound = (bench: Bench, devices: number): Promise<Sample> =>
  withServer(FirmwireServer.start(bench), (server) => {
    const fleet = fleetOf(server, 'push');
    const connection = { port: server.mqttPort, count: devices, window: WINDOW, qos: 1 } as const;
    return connected(bench, { ...fleet, ...connection, checkIn: true }, (load) =>
      tell(load, server.process, devices, async () => {
        const { offered } = await server.publish(NEW_VERSION, IMAGE_BYTES);
        if (offered !== devices)
          throw new Error(`${offered} of ${devices} devices were offered the firmware.`);
      }),
    );
  });

interface Forwarder {
  readonly process: ServerProcess;
  readonly mqttPort: number;
  stop(): Promise<void>;
}

/** One round of a server that merely hands on: the messages come to it ready, over one connection. */
const forwardRound = (bench: Bench, devices: number, starting: Promise<Forwarder>): Promise<Sample> =>
  withServer(starting, (server) => {
    const connection = { port: server.mqttPort, count: devices, window: WINDOW, qos: 1 } as const;
    return connected(bench, { ...strangers('push'), ...connection, checkIn: false }, (load) =>
      tell(load, server.process, devices, () => load.call('publishToAll', NEW_VERSION)),
    );
  });

/** A release to a connected fleet, each device with its own stored token, against a broker that merely delivers. */
export const push = (devices: number): Scenario => ({
  name: `push-${devices}`,
  what: `publish firmware; ${devices} connected devices each get their own FIRMWARE_UPDATE, QoS 1`,
  contenders: [
    { name: FIRMWIRE, round: (bench) => pushRound(bench, devices) },
    { name: 'mosquitto', round: (bench) => forwardRound(bench, devices, MosquittoServer.start(bench)) },
    { name: 'node:net', round: (bench) => forwardRound(bench, devices, NetServer.start(bench)) },
  ],
  goals: [
    { figure: 'devices/s', against: 'mosquitto', atLeast: 1 },
    { figure: 'CPU us/device', against: 'mosquitto', atMost: 1.5 },
  ],
});
