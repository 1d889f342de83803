import type { Bench } from '../bench.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { TokenStoreServer } from '../peers/token-store.js';
import { WINDOW, watched, withPeer } from './http-round.js';

const DEVICES = 2000;
/** Redeemed first, so that the code is warm. */
const WARM = 300;
/** Tokens that are redeemed twice at once. */
const TWICE = 50;
const IMAGE_BYTES = 4096;
/** In flight at a time, here and in the store. */
const FLIGHT = 100;

const ownRound = (bench: Bench): Promise<Sample> =>
  withPeer(bench, FirmwireServer.start(bench), async (server, load) => {
    await server.publish('1.1.0', IMAGE_BYTES);
    await load.call('checkIns', 0, DEVICES + WARM + TWICE, WINDOW);
    await load.call('tokenCycles', DEVICES, WARM, FLIGHT, IMAGE_BYTES);
    const work = await watched(server, load, () => load.call('tokenCycles', 0, DEVICES, FLIGHT, IMAGE_BYTES));
    await load.call('redeemTwice', DEVICES + WARM, TWICE, IMAGE_BYTES);
    await load.call('expectSpent', DEVICES + WARM, TWICE);
    return {
      'cycles/s': (DEVICES * 1000) / work.spanMs,
      'CPU us/cycle': (work.cpuMs * 1000) / DEVICES,
      'p99 ms': work.timing.p99,
      'load core busy': work.loadBusy,
    };
  });

async function storeRound(bench: Bench): Promise<Sample> {
  const store = await TokenStoreServer.start(bench);
  try {
    await store.cycles(WARM, FLIGHT);
    const cpu = store.process.cpuMs();
    const ms = await store.cycles(DEVICES, FLIGHT);
    return {
      'cycles/s': (DEVICES * 1000) / ms,
      'CPU us/cycle': ((store.process.cpuMs() - cpu) * 1000) / DEVICES,
    };
  } finally {
    await store.stop();
  }
}

/** Tokens through the whole product, against the store alone; of two redemptions at once never two may complete. */
export const httpTokens: Scenario = {
  name: 'http-tokens',
  what: `a token issued and redeemed over HTTP, ${FLIGHT} devices at a time, against the store by itself`,
  contenders: [
    { name: FIRMWIRE, round: ownRound },
    { name: 'store', round: storeRound },
  ],
  goals: [{ figure: 'cycles/s', against: 'store', atLeast: 0.7 }],
};
