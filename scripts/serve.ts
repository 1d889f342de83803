import { once } from 'node:events';
import type { Settings } from './config/schema.js';
import { startFirmwire } from './server/firmwire.js';
import { createLog } from './server/logger.js';
import { credentialsPath } from './server/state-files.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Not process.exit: lmdb's exit handler can wait for ever for a write that is under way. Nothing acknowledged is lost. */
const endAtOnce = (): void => void process.kill(process.pid, 'SIGKILL');

/** Runs the server until SIGTERM or SIGINT. A second signal ends it at once. */
export async function serve(settings: Settings): Promise<void> {
  const log = createLog(settings.log.level);
  log.info({ data: settings.data }, 'starting');
  // A mistake in handling one client must not end the service for all others.
  process.on('unhandledRejection', (err) => log.error({ err }, 'unhandled rejection'));
  const server = await startFirmwire(settings, log);
  // Before anybody is told that it is ready: whoever waits for that may end it at once.
  const told = Promise.race(SIGNALS.map((name) => once(process, name)));
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  say(
    `Firmwire is ready: MQTT on port ${server.mqttPort}, HTTP on port ${server.httpPort}, MQTT over WebSocket at /mqtt.`,
  );
  if (server.httpsPort !== undefined) {
    // Without a certificate there is nothing to read anew, and the terminal that closes ends the server as ever.
    process.on('SIGHUP', () => void server.reload());
    say(`With TLS: MQTTS on port ${server.mqttsPort}, HTTPS on port ${server.httpsPort}.`);
  }
  say(`Your fleet, and what waits for your decision: http://localhost:${server.httpPort}/rtm/`);
  if (server.firstOwner) {
    say(
      `The first owner's keys are in ${credentialsPath(settings.data)}; the commands below read them by themselves.`,
    );
    say('Next, in another terminal:');
    say('  npx firmwire simulate --devices 5 --platform arduino:esp8266 --version 1.0.0 --auto-update');
    say('  npx firmwire publish FILE --version 1.1.0 --platform arduino:esp8266');
  }
  const signal = await told;
  log.info({ signal: signal[0] }, 'shutting down');
  for (const name of SIGNALS) process.once(name, endAtOnce);
  await server.close();
  log.info({}, 'closed');
}
