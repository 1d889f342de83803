import { access } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { type Api, createApi } from '../client/api.js';
import {
  type Credentials,
  readCredentials,
  readCredentialsFile,
  readRuntime,
  type Server,
} from '../client/credentials.js';
import type { Cli } from './context.js';
import { UsageError } from './failures.js';

/** What every command that talks to a server takes. */
export interface ServerOptions {
  readonly data?: string;
  readonly server?: string;
  readonly credentials?: string;
  readonly json?: boolean;
}

/** Where a server listens that has left no runtime.json: the defaults of config.yaml. */
const DEFAULT_PORTS = { mqttPort: 1883, httpPort: 7442 } as const;

function readOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('It must look like http://127.0.0.1:7442.');
  return url.origin;
}

/** Adds the options of ServerOptions to a command. */
export const withServerOptions = (command: Command): Command =>
  command
    .option('--data <dir>', 'the data folder of the server, where its keys and ports stand (default: ./data)')
    .option('--server <url>', 'the HTTP address of the server (default: as runtime.json says)', readOrigin)
    .option('--credentials <file>', 'the keys to use (default: credentials.json of the data folder)')
    .option('--json', 'print JSON and nothing else');

/** The server's data folder: as told, else as the server itself would find it. */
async function dataFolder(cli: Cli, { data }: ServerOptions): Promise<string> {
  if (data !== undefined) return data;
  // The schema library takes longer to load than most commands to run.
  const { loadSettings } = await import('../config/load.js');
  return (await loadSettings({ env: cli.env })).data;
}

/**
 * The keys a command uses.
 * @throws UsageError if the named file is not there; ClientError if the server's own cannot be read
 */
async function credentialsFor(cli: Cli, options: ServerOptions): Promise<Credentials> {
  const { credentials } = options;
  if (credentials === undefined) return readCredentials(await dataFolder(cli, options));
  await access(credentials).catch(() => {
    throw new UsageError(`${credentials}: there is no such file`);
  });
  return readCredentialsFile(credentials);
}

/** The addresses of a named server; its MQTT port can only be the usual one. */
const named = (httpUrl: string) => ({
  httpUrl,
  mqttUrl: `mqtt://${new URL(httpUrl).hostname}:${DEFAULT_PORTS.mqttPort}`,
});

/** The addresses of the server on this machine that uses the data folder, whether it runs or not. */
export async function localAddresses(dataDir: string) {
  const { httpPort, mqttPort } = (await readRuntime(dataDir)) ?? DEFAULT_PORTS;
  return { httpUrl: `http://127.0.0.1:${httpPort}`, mqttUrl: `mqtt://127.0.0.1:${mqttPort}` };
}

/**
 * The server a command talks to, and the keys for it.
 * @throws UsageError and ClientError as `credentialsFor` does; ClientError if runtime.json is damaged
 */
export async function findServer(cli: Cli, options: ServerOptions): Promise<Server> {
  const credentials = await credentialsFor(cli, options);
  const { server } = options;
  return {
    credentials,
    ...(server === undefined ? await localAddresses(await dataFolder(cli, options)) : named(server)),
  };
}

/** The API of the server that a command talks to, with the owner's key. Throws as `findServer` does. */
export async function connect(cli: Cli, options: ServerOptions): Promise<Api> {
  const { httpUrl, credentials } = await findServer(cli, options);
  return createApi(httpUrl, credentials.ownerKey);
}
