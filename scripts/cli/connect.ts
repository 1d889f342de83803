import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GatewayOptions, Place } from '../connect/gateway.js';
import type { Cli } from './context.js';
import { UsageError } from './failures.js';
import { readBytes, readPort } from './numbers.js';

interface ConnectArguments {
  readonly to: Place;
  readonly mqtts?: Place;
  readonly ca?: string;
  readonly host: string;
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly cache: string;
  readonly cacheBytes: number;
  readonly mdns: boolean;
  readonly mdnsInterface?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const HTTPS_PORT = 443;
const MQTTS_PORT = 8883;
const CACHE_BYTES = 268_435_456;

/** Without the brackets of an IPv6 address. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

function readTo(text: string): Place {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.pathname === '/' && `${url.search}${url.hash}${url.username}${url.password}` === '';
  if (url?.protocol !== 'https:' || !isPlain)
    throw new InvalidArgumentError('It must look like https://firmwire.example:7443.');
  return { host: hostOf(url), port: Number(url.port || HTTPS_PORT) };
}

function readMqtts(text: string): Place {
  const url =
    /^[^/@?#\s]+$/.test(text) && URL.canParse(`mqtts://${text}`) ? new URL(`mqtts://${text}`) : undefined;
  if (!url?.hostname) throw new InvalidArgumentError('It must look like firmwire.example:8883.');
  return { host: hostOf(url), port: Number(url.port || MQTTS_PORT) };
}

function readAddress(text: string): string {
  if (isIP(text) !== 4) throw new InvalidArgumentError('It must be the IPv4 address of an interface.');
  return text;
}

/** @throws UsageError if the file holds no certificate */
async function readAuthority(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--ca: ${path}: cannot be read`, { cause });
  });
  try {
    new X509Certificate(text);
  } catch (cause) {
    throw new UsageError(`--ca: ${path}: holds no certificate in PEM`, { cause });
  }
  return text;
}

/** `firmwire connect` */
export function addConnect(program: Command, cli: Cli): void {
  program
    .command('connect')
    .description('run a gateway for devices without TLS, until SIGTERM or Ctrl-C (docs/gateway.md)')
    .requiredOption('--to <url>', 'the server, such as https://firmwire.example:7443', readTo)
    .option('--mqtts <host:port>', 'its MQTT port with TLS (default: the same host, 8883)', readMqtts)
    .option('--ca <file>', 'trust the authorities in this PEM file, and no others')
    .option('--host <address>', 'where to listen', '::')
    .option('--http-port <port>', 'where devices use HTTP', readPort, 7442)
    .option('--mqtt-port <port>', 'where devices use MQTT', readPort, 1883)
    .option('--cache <dir>', 'a folder of its own, for firmware and for what it knows of devices', 'gateway')
    .option('--cache-bytes <n>', 'how much firmware may lie there', readBytes, CACHE_BYTES)
    .option('--no-mdns', 'do not announce it on the network')
    .option('--mdns-interface <address>', 'announce it on this interface only', readAddress)
    .addOption(
      new Option('--log-level <level>', 'what the log tells')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(async (given: ConnectArguments) => {
      const { to, ca, host, httpPort, mqttPort, cache, cacheBytes, mdns, logLevel } = given;
      const options: GatewayOptions = {
        https: to,
        mqtts: given.mqtts ?? { host: to.host, port: MQTTS_PORT },
        ca: ca === undefined ? undefined : await readAuthority(ca),
        host,
        httpPort,
        mqttPort,
        cache,
        cacheBytes,
        announce: mdns ? { address: given.mdnsInterface } : undefined,
      };
      // Loaded here, so that no other command waits for it.
      const { connect } = await import('../connect/main.js');
      await connect(options, logLevel, { out: cli.out, err: cli.err, signal: cli.interrupt() });
    });
}
