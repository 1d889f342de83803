import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { NodeHttpServer } from '../peers/node-http.js';
import { type HttpLoad, type HttpPeer, WINDOW, watched, withPeer } from './http-round.js';

const DEVICES = 500;
const TIMES = 8;
const IMAGE_BYTES = 4096;

async function checkIns(peer: HttpPeer, load: HttpLoad): Promise<Sample> {
  // Each is created by its first; by then the code is warm, too.
  await load.call('checkIns', 0, DEVICES, WINDOW, 2);
  const count = DEVICES * TIMES;
  const work = await watched(peer, load, () => load.call('checkIns', 0, DEVICES, WINDOW, TIMES));
  return {
    'CPU us/request': (work.cpuMs * 1000) / count,
    'requests/s': (count * 1000) / work.spanMs,
    'p99 ms': work.timing.p99,
    'load core busy': work.loadBusy,
  };
}

/** A check-in that is answered with an update, against reading and answering as many bytes of JSON. */
export const httpCheckIn: Scenario = {
  name: 'http-check-in',
  what: `POST /device/register, answered with an offer; ${DEVICES} devices, ${WINDOW} at a time, a connection each`,
  contenders: [
    {
      name: FIRMWIRE,
      round: (bench) =>
        withPeer(bench, FirmwireServer.start(bench), async (server, load) => {
          await server.publish('1.1.0', IMAGE_BYTES);
          return checkIns(server, load);
        }),
    },
    { name: 'node-http', round: (bench) => withPeer(bench, NodeHttpServer.start(bench, 'post'), checkIns) },
    // Not judged: what of the distance to node:http is Fastify's.
    { name: 'fastify', round: (bench) => withPeer(bench, NodeHttpServer.start(bench, 'fastify'), checkIns) },
  ],
  goals: [{ figure: 'CPU us/request', against: 'node-http', atMost: 2 }],
};
