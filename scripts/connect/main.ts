import { type Io, print } from '../client/io.js';
import type { Settings } from '../config/schema.js';
import { createLog } from '../server/logger.js';
import { systemClock } from '../server/system-clock.js';
import { type Gateway, type GatewayOptions, startGateway } from './gateway.js';

/** Runs a gateway until `signal` is aborted. */
export async function connect(
  options: GatewayOptions,
  level: Settings['log']['level'],
  { out, signal }: Io & { readonly signal: AbortSignal },
): Promise<void> {
  const log = createLog(level);
  // A mistake in handling one device must not end the service for all others.
  process.on('unhandledRejection', (err) => log.error({ err }, 'unhandled rejection'));
  const gateway = await startGateway(options, systemClock, log);
  // The ports keep the process alive; the signal itself would not.
  const told = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  for (const line of linesOf(options, gateway)) print(out, line);
  if (!signal.aborted) await told;
  log.info({}, 'shutting down');
  await gateway.close();
  log.info({}, 'closed');
}

function linesOf({ https, mqtts, announce }: GatewayOptions, gateway: Gateway): string[] {
  const { httpPort, mqttPort, trouble } = gateway;
  return [
    `Firmwire gateway is ready: HTTP on port ${httpPort}, MQTT on port ${mqttPort}.`,
    `HTTP goes to https://${https.host}:${https.port}, which ${wordOn(trouble.https)}.`,
    `MQTT goes to mqtts://${mqtts.host}:${mqtts.port}, which ${wordOn(trouble.mqtts)}.`,
    ...(announce ? ['Devices find it by mDNS as _thinx._tcp.'] : []),
  ];
}

const wordOn = (trouble: string | undefined): string =>
  trouble === undefined ? 'can be reached' : `cannot be reached now: ${trouble}`;
