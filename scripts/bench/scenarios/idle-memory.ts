import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../bench.js';
import type MqttFleet from '../load/mqtt-fleet.js';
import type { FleetIdentity } from '../load/packets.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { AedesServer } from '../peers/aedes.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { populate } from '../peers/known-devices.js';
import type { ServerProcess } from '../server-process.js';
import { fleetOf, okBytes, publishWhatTheyHave, strangers, WINDOW, withLoad, withServer } from './parts.js';

const DEVICES = 10_000;
const KIB = 1024;
/** Until the server has done everything that follows from a connection. */
const QUIET_MS = 2000;

/** What the server holds before and after a fleet has come and checked in; then nothing happens. */
const measure = (bench: Bench, server: ServerProcess, port: number, fleet: FleetIdentity): Promise<Sample> =>
  withLoad<MqttFleet, Sample>(bench, 'mqtt-fleet', async (load) => {
    const before = await server.ask<NodeJS.MemoryUsage>('memory');
    const connection = { port, count: DEVICES, window: WINDOW, qos: 0 } as const;
    const { refused } = await load.call('connect', { ...fleet, ...connection, checkIn: true });
    if (refused > 0) throw new Error(`${refused} devices were cut.`);
    await delay(QUIET_MS);
    const after = await server.ask<NodeJS.MemoryUsage>('memory');
    const each = (figure: (usage: NodeJS.MemoryUsage) => number): number =>
      (figure(after) - figure(before)) / KIB / DEVICES;
    return {
      'KiB/device': each(({ heapUsed, external }) => heapUsed + external),
      'rss KiB/device': each(({ rss }) => rss),
      'rss MiB': after.rss / KIB / KIB,
    };
  });

function ownRound(bench: Bench): Promise<Sample> {
  const prepare = populate({ seed: 'idle', count: DEVICES, autoUpdate: true });
  return withServer(FirmwireServer.start(bench, { prepare }), async (server) => {
    await publishWhatTheyHave(server);
    return measure(bench, server.process, server.mqttPort, fleetOf(server, 'idle'));
  });
}

function bareRound(bench: Bench): Promise<Sample> {
  const fleet = strangers('idle');
  return withServer(AedesServer.start(bench, okBytes(fleet, 0, true)), (server) =>
    measure(bench, server.process, server.mqttPort, fleet),
  );
}

/** How many devices fit on one machine. */
export const IDLE_MEMORY: Scenario = {
  name: 'idle-memory',
  what: `heap and buffers of the server, after gc, for each of ${DEVICES} known devices that are connected and idle`,
  contenders: [
    { name: FIRMWIRE, round: ownRound },
    { name: 'aedes', round: bareRound },
  ],
  goals: [{ figure: 'KiB/device', against: undefined, atMost: 16 }],
};
