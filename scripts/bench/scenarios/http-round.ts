import type { Bench } from '../bench.js';
import type HttpFleet from '../load/http-fleet.js';
import type { HttpFleetOptions } from '../load/http-requests.js';
import type { Timing } from '../load/timing.js';
import { LoadProcess } from '../load-process.js';
import { FirmwireServer } from '../peers/firmwire.js';
import type { ServerProcess } from '../server-process.js';

/** What every server that takes part in these rounds has. */
export interface HttpPeer {
  readonly process: ServerProcess;
  readonly httpPort: number;
  stop(): Promise<void>;
}

export type HttpLoad = LoadProcess<HttpFleet>;

/** Downloads and check-ins under way at the same time. */
export const WINDOW = 50;

const NOBODY = { owner: 'f'.repeat(64), key: 'f'.repeat(64), seed: 'http' };

const fleetOf = (peer: HttpPeer): HttpFleetOptions =>
  peer instanceof FirmwireServer
    ? {
        port: peer.httpPort,
        seed: NOBODY.seed,
        owner: peer.credentials.owner,
        key: peer.credentials.deviceKey,
      }
    : { port: peer.httpPort, ...NOBODY };

/** Starts a server and the load for it, measures, and ends both whatever happens. */
export async function withPeer<P extends HttpPeer, T>(
  bench: Bench,
  starting: Promise<P>,
  measure: (peer: P, load: HttpLoad) => Promise<T>,
): Promise<T> {
  const peer = await starting;
  let load: HttpLoad | undefined;
  try {
    load = await LoadProcess.start<HttpFleet>(bench, 'http-fleet');
    await load.call('use', fleetOf(peer));
    return await measure(peer, load);
  } finally {
    await load?.kill();
    await peer.stop();
  }
}

/** What a server did while something went on. */
export interface Work {
  readonly timing: Timing;
  readonly spanMs: number;
  /** CPU time of the server, ms. */
  readonly cpuMs: number;
  /** The share of its core that the load used: near 1, it is the load that was measured. */
  readonly loadBusy: number;
}

export async function watched(
  { process }: HttpPeer,
  load: HttpLoad,
  work: () => Promise<Timing>,
): Promise<Work> {
  const [cpu, loadCpu] = [process.cpuMs(), load.cpuMs()];
  const timing = await work();
  const spanMs = timing.ended - timing.begun;
  return {
    timing,
    spanMs,
    cpuMs: process.cpuMs() - cpu,
    loadBusy: (load.cpuMs() - loadCpu) / spanMs,
  };
}
