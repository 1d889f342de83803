import type { Bench } from '../bench.js';
import { deviceOf } from '../load/packets.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { populate } from '../peers/known-devices.js';
import { fleetOf, withServer } from './parts.js';

const REGISTERED = 100_000;
const MIB = 1024 * 1024;

function round(bench: Bench, count: number): Promise<Sample> {
  const prepare = populate({ seed: 'start', count, autoUpdate: true });
  return withServer(FirmwireServer.start(bench, { prepare }), async (server) => {
    const rss = server.process.rssBytes();
    if (count > 0) await server.api.device(deviceOf(fleetOf(server, 'start'), count - 1).udid);
    return { seconds: server.startMs / 1000, MiB: rss / MIB };
  });
}

/** A restart must not be felt, however large the fleet is. */
export const START: Scenario = {
  name: 'start-100k',
  what: `from the start of the process to listening, with ${REGISTERED} registered devices; and with none`,
  contenders: [
    { name: FIRMWIRE, round: (bench) => round(bench, REGISTERED) },
    { name: 'empty', round: (bench) => round(bench, 0) },
  ],
  goals: [
    { figure: 'seconds', against: undefined, atMost: 2 },
    { figure: 'MiB', against: undefined, atMost: 250 },
  ],
};
