import type { Bench } from '../bench.js';
import type MqttFleet from '../load/mqtt-fleet.js';
import type Owner from '../load/owner.js';
import { deviceOf } from '../load/packets.js';
import type Publisher from '../load/publisher.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { populate } from '../peers/known-devices.js';
import { cpuFor, fleetOf, settled, WINDOW, withLoad, withServer } from './parts.js';

const DEVICES = 5000;
const PUBLISHERS = 100;
/** Topics to which each of them publishes. */
const TOPICS = 100;

/** Other devices publish their application's data, retained or not; the owner checks that it is there. */
async function publishData(bench: Bench, server: FirmwireServer, retain: boolean): Promise<void> {
  const fleet = fleetOf(server, 'other');
  await withLoad<Publisher, void>(bench, 'publisher', async (load) => {
    for (let index = 0; index < PUBLISHERS; index++) {
      const { mac, udid } = deviceOf(fleet, index);
      const login = { port: server.mqttPort, clientId: mac, username: udid, password: fleet.key };
      const messages = Array.from({ length: TOPICS }, (_, topic) => ({
        topic: `/${fleet.owner}/${udid}/sensor/${topic}`,
        payload: JSON.stringify({ temperature: 21.5, unit: 'C', reading: topic }),
      }));
      await load.call('publish', login, messages, retain);
    }
  });
  if (!retain) return;
  const { owner, ownerKey } = server.credentials;
  await withLoad<Owner, void>(bench, 'owner', async (load) => {
    await load.call('login', {
      port: server.mqttPort,
      clientId: 'check',
      username: owner,
      password: ownerKey,
    });
    await load.call('subscribe', `/${owner}/+/sensor/#`, { application: PUBLISHERS * TOPICS });
  });
}

function round(bench: Bench, retain: boolean): Promise<Sample> {
  const prepare = populate({ seed: 'reader', count: DEVICES, autoUpdate: true });
  // What is said to a device that does not check in is not part of this.
  const env = { FIRMWIRE_OFFERS_SETTLE_SECONDS: '60' };
  return withServer(FirmwireServer.start(bench, { prepare, env }), async (server) => {
    await publishData(bench, server, retain);
    return withLoad<MqttFleet, Sample>(bench, 'mqtt-fleet', async (load) => {
      await settled();
      const connection = { port: server.mqttPort, count: DEVICES, window: WINDOW, qos: 0 } as const;
      const { result, cpuUs } = await cpuFor(server.process, DEVICES, () =>
        load.call('connect', {
          ...fleetOf(server, 'reader'),
          ...connection,
          checkIn: false,
          wildcards: true,
        }),
      );
      const { begun, ended, p99, refused } = result;
      const strays = await load.call('strays');
      if (refused + strays > 0) throw new Error(`${refused} devices were cut, ${strays} messages strayed.`);
      return {
        'CPU us/device': cpuUs,
        'devices/s': (DEVICES * 1000) / (ended - begun),
        'p99 ms': p99,
      };
    });
  });
}

/** What others have left behind must not be walked through for every device that comes. */
export const RETAINED_CONNECT: Scenario = {
  name: 'retained-connect',
  what: `${DEVICES} devices CONNECT and SUBSCRIBE, every other one to /#, with ${PUBLISHERS * TOPICS} retained messages of other devices, against none`,
  contenders: [
    { name: FIRMWIRE, round: (bench) => round(bench, true) },
    { name: 'none', round: (bench) => round(bench, false) },
  ],
  goals: [{ figure: 'CPU us/device', against: 'none', atMost: 1.3 }],
};
