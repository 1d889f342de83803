import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Gateway, type GatewayOptions, startGateway } from '../../scripts/connect/gateway.js';
import { systemClock } from '../../scripts/server/system-clock.js';
import { CollectingLog } from './collecting-log.js';

/** A gateway in this process, on free ports of 127.0.0.1, to `localhost`. */
export interface TestGateway extends Gateway {
  readonly log: CollectingLog;
  readonly cache: string;
  /** Ends it and removes its folder. */
  dispose(): Promise<void>;
}

interface Upstreams {
  /** Ports; nobody listens at 1. */
  readonly https?: number;
  readonly mqtts?: number;
  readonly ca: string;
}

export async function testGateway(
  { https = 1, mqtts = 1, ca }: Upstreams,
  limits: GatewayOptions['limits'] = {},
  more: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const cache = await mkdtemp(join(tmpdir(), 'firmwire-gateway-'));
  const log = new CollectingLog();
  const options: GatewayOptions = {
    https: { host: 'localhost', port: https },
    mqtts: { host: 'localhost', port: mqtts },
    ca,
    host: '127.0.0.1',
    httpPort: 0,
    mqttPort: 0,
    cache,
    cacheBytes: 1_000_000,
    limits,
    ...more,
  };
  const gateway = await startGateway(options, systemClock, log);
  return {
    ...gateway,
    log,
    cache,
    dispose: async () => {
      await gateway.close();
      await rm(cache, { recursive: true, force: true });
    },
  };
}
