import { setTimeout as delay } from 'node:timers/promises';
import { sha256 } from '../../../core/account.js';
import { madeUpImage } from '../../simulator/made-up-image.js';
import type { Bench } from '../bench.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { type HttpLoad, WINDOW, watched, withPeer } from './http-round.js';

const VERSION = '1.1.0';
const KIB = 1024;
const READERS = 500;
const OTHERS = 200;
/** Downloads before anything is counted, so that the image is in memory and the code is warm. */
const WARM = 20;
const TIMES = 10;
const EVERY_MS = 200;
/** Far more than the kernel keeps for a connection, so that the server cannot simply get rid of it. */
const IMAGE_BYTES = 8 * 1024 * KIB;
/** Few enough at a time that a check-in waits for the server, not for the other check-ins. */
const AT_A_TIME = 4;
/** Long enough for what can leave at once to have left. */
const SETTLED_MS = 1500;

/** What the server holds once all garbage is gone; what the kernel holds for its sockets is not in it. */
async function memory({ process }: FirmwireServer): Promise<{ rss: number; heap: number }> {
  const { rss, heapUsed, external } = await process.ask<NodeJS.MemoryUsage>('memory');
  return { rss, heap: heapUsed + external };
}

async function round(bench: Bench, withReaders: boolean): Promise<Sample> {
  return withPeer(bench, FirmwireServer.start(bench), async (server, load) => {
    await server.publish(VERSION, IMAGE_BYTES);
    const image = { bytes: IMAGE_BYTES, sha256: sha256(madeUpImage(IMAGE_BYTES, VERSION)) };
    await load.call('checkIns', 0, WARM + READERS + OTHERS, WINDOW);
    await load.call('download', { path: undefined, count: WARM, window: WINDOW, ...image });
    await load.call('checkIns', WARM + READERS, OTHERS, WINDOW, 5);
    const before = await memory(server);
    if (withReaders) await load.call('startSlowReaders', WARM, READERS, EVERY_MS);
    await delay(SETTLED_MS);
    const after = await memory(server);
    const times = await checkIns(server, load);
    if (withReaders) await load.call('checkSlowReaders');
    return {
      ...times,
      'rss KiB/reader': (after.rss - before.rss) / KIB / READERS,
      'heap KiB/reader': (after.heap - before.heap) / KIB / READERS,
    };
  });
}

async function checkIns(server: FirmwireServer, load: HttpLoad): Promise<Sample> {
  const { timing, loadBusy } = await watched(server, load, () =>
    load.call('checkIns', WARM + READERS, OTHERS, AT_A_TIME, TIMES),
  );
  return { 'p50 ms': timing.p50, 'p99 ms': timing.p99, 'load core busy': loadBusy };
}

/** What slow readers cost the server, and everybody else. */
export const slowReaders: Scenario = {
  name: 'slow-readers',
  what: `${READERS} downloads at 10 KiB/s; memory for each, and how long others wait for a check-in`,
  contenders: [
    { name: FIRMWIRE, round: (bench) => round(bench, true) },
    { name: 'calm', round: (bench) => round(bench, false) },
  ],
  goals: [
    { figure: 'rss KiB/reader', against: undefined, atMost: 64 },
    { figure: 'heap KiB/reader', against: undefined, atMost: 64 },
    { figure: 'p99 ms', against: 'calm', atMost: 1.3 },
  ],
};
