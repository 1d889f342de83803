import type { Bench } from '../bench.js';
import type MqttFleet from '../load/mqtt-fleet.js';
import type { FleetIdentity } from '../load/packets.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { AedesServer } from '../peers/aedes.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { populate } from '../peers/known-devices.js';
import type { ServerProcess } from '../server-process.js';
import { cpuFor, fleetOf, publishWhatTheyHave, settled, strangers, withLoad, withServer } from './parts.js';

const DEVICES = 10_000;
/** Connections that a device tries before it counts as refused for good. */
const TRIES = 10;

/**
 * Connections on their way at the same time: as many as Node's server lets the kernel keep for it (listen(2), backlog
 * 511). What comes past that is dropped by the kernel and sent again seconds later, whichever server it is.
 */
const RUSH = 500;

/** All devices come as fast as they get in. */
const rush = (
  bench: Bench,
  server: ServerProcess,
  port: number,
  fleet: FleetIdentity,
  checkIn: boolean,
): Promise<Sample> =>
  withLoad<MqttFleet, Sample>(bench, 'mqtt-fleet', async (load) => {
    await settled();
    const { result, cpuUs } = await cpuFor(server, DEVICES, () =>
      load.call('connect', {
        ...fleet,
        port,
        count: DEVICES,
        window: RUSH,
        qos: 0,
        checkIn,
        tries: TRIES,
      }),
    );
    const strays = await load.call('strays');
    if (strays > 0) throw new Error(`${strays} messages came that nobody had asked for.`);
    const { begun, ended, p99, refused, lost } = result;
    return {
      'CPU us/device': cpuUs,
      'devices/s': (DEVICES * 1000) / (ended - begun),
      'p99 ms': p99,
      'cut and came again': refused,
      'refused for good': lost,
    };
  });

function ownRound(bench: Bench): Promise<Sample> {
  const prepare = populate({ seed: 'storm', count: DEVICES, autoUpdate: true });
  return withServer(FirmwireServer.start(bench, { prepare }), async (server) => {
    await publishWhatTheyHave(server);
    return rush(bench, server.process, server.mqttPort, fleetOf(server, 'storm'), true);
  });
}

const bareRound = (bench: Bench): Promise<Sample> =>
  withServer(AedesServer.start(bench), (server) =>
    rush(bench, server.process, server.mqttPort, strangers('storm'), false),
  );

/** After a power cut: the whole fleet comes back. */
export const STORM: Scenario = {
  name: 'storm',
  what: `${DEVICES} known devices come back, ${RUSH} at a time: CONNECT, SUBSCRIBE, check-in, answer; bare Aedes CONNECT, SUBSCRIBE only`,
  contenders: [
    { name: FIRMWIRE, round: ownRound },
    { name: 'aedes', round: bareRound },
  ],
  goals: [
    { figure: 'CPU us/device', against: 'aedes', atMost: 1.1 },
    { figure: 'refused for good', against: undefined, atMost: 0 },
  ],
};
