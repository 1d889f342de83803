import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Server } from '../client/credentials.js';
import type { SimulateOptions } from '../commands/simulate.js';
import type { Cli } from './context.js';
import { QuietFailure } from './failures.js';
import { readCount, readSeconds } from './numbers.js';
import { findServer, type ServerOptions, withServerOptions } from './server.js';

interface SimulateArguments
  extends ServerOptions,
    Omit<SimulateOptions, 'server' | 'timeoutSeconds' | 'json'> {
  readonly mqtt?: string;
  readonly timeout: number;
  readonly autoUpdate: boolean;
}

const TIMEOUT_SECONDS = 600;

function readMqttUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'mqtt:' && url?.protocol !== 'mqtts:')
    throw new InvalidArgumentError('It must look like mqtt://127.0.0.1:1883.');
  return text;
}

function optionsOf(given: SimulateArguments, server: Server): SimulateOptions {
  const { devices, platform, version, autoUpdate, ownerSays, timeout, json = false, seed, transport } = given;
  return {
    server: { ...server, ...(given.mqtt !== undefined && { mqttUrl: given.mqtt }) },
    devices,
    platform,
    version,
    autoUpdate,
    timeoutSeconds: timeout,
    json,
    ...(ownerSays && { ownerSays }),
    ...(seed !== undefined && { seed }),
    ...(transport && { transport }),
  };
}

/** `firmwire simulate` */
export function addSimulate(program: Command, cli: Cli): void {
  withServerOptions(
    program
      .command('simulate')
      .description('run virtual devices against a server until each has updated or failed')
      .requiredOption('--devices <n>', 'how many', readCount)
      .requiredOption('--platform <platform>', 'what they are, such as arduino:esp8266')
      .requiredOption('--version <version>', 'what they run at first')
      .option('--auto-update', 'they were built to update without asking their owner', false)
      .addOption(
        new Option('--owner-says <answer>', 'answer the questions about them by itself').choices([
          'yes',
          'no',
        ]),
      )
      .option('--timeout <seconds>', 'when to give up', readSeconds, TIMEOUT_SECONDS)
      .option('--seed <text>', 'another seed gives other MACs and UDIDs')
      .addOption(new Option('--transport <transport>', 'http: they never use MQTT').choices(['mqtt', 'http']))
      .option('--mqtt <url>', 'the MQTT address of the server (default: as runtime.json says)', readMqttUrl),
  ).action(async (given: SimulateArguments) => {
    const server = await findServer(cli, given);
    const { simulate } = await import('../commands/simulate.js');
    const io = { out: cli.out, err: cli.err, signal: cli.interrupt() };
    const exitCode = await simulate(optionsOf(given, server), io);
    if (exitCode !== 0) throw new QuietFailure(exitCode);
  });
}
