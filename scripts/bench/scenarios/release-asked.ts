import type { Bench } from '../bench.js';
import type MqttFleet from '../load/mqtt-fleet.js';
import type Owner from '../load/owner.js';
import type { LoadProcess } from '../load-process.js';
import { nowMs } from '../machine.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { populate } from '../peers/known-devices.js';
import { cpuFor, fleetOf, IMAGE_BYTES, settled, WINDOW, withLoad, withServer } from './parts.js';
import { NEW_VERSION, pushRound } from './push.js';

const DEVICES = 10_000;

/** From the operator's request to the last notice that the owner has. */
async function release(server: FirmwireServer, listener: LoadProcess<Owner>): Promise<Sample> {
  const { owner, ownerKey } = server.credentials;
  await listener.call('login', {
    port: server.mqttPort,
    clientId: 'owner',
    username: owner,
    password: ownerKey,
  });
  await listener.call('subscribe', `/${owner}/rtm/#`, { devices: DEVICES });
  await settled();
  const { result, cpuUs } = await cpuFor(server.process, DEVICES, async () => {
    const heard = listener.call('hears', { notices: DEVICES });
    const begun = nowMs();
    const [{ ended }, { asked }] = await Promise.all([heard, server.publish(NEW_VERSION, IMAGE_BYTES)]);
    return { ms: ended - begun, asked };
  });
  const { notices } = await listener.call('totals');
  if (result.asked !== DEVICES || notices !== DEVICES)
    throw new Error(`${result.asked} questions and ${notices} notices for ${DEVICES} devices.`);
  return { ms: result.ms, 'CPU us/device': cpuUs };
}

function askedRound(bench: Bench): Promise<Sample> {
  const prepare = populate({ seed: 'asked', count: DEVICES, autoUpdate: false });
  return withServer(FirmwireServer.start(bench, { prepare }), (server) =>
    withLoad<MqttFleet, Sample>(bench, 'mqtt-fleet', async (devices) => {
      const connection = { port: server.mqttPort, count: DEVICES, window: WINDOW, qos: 1 } as const;
      await devices.call('connect', { ...fleetOf(server, 'asked'), ...connection, checkIn: true });
      const sample = await withLoad<Owner, Sample>(bench, 'owner', (listener) => release(server, listener));
      const strays = await devices.call('strays');
      if (strays > 0) throw new Error(`${strays} devices were told although nobody had agreed.`);
      return sample;
    }),
  );
}

/** A release that asks instead of telling. */
export const RELEASE_ASKED: Scenario = {
  name: 'release-asked',
  what: `publish firmware for ${DEVICES} connected devices without auto update; the owner gets ${DEVICES} notices, QoS 1, against telling the devices`,
  contenders: [
    { name: FIRMWIRE, round: askedRound },
    { name: 'push', round: (bench) => pushRound(bench, DEVICES) },
  ],
  goals: [{ figure: 'ms', against: 'push', atMost: 2 }],
};
