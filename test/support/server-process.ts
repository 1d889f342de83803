import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, FirmwireProcess, PROGRAM } from './firmwire-process.js';
import { at, parsed, textAt } from './json.js';
import type { Door } from './raw-http.js';
import { assertNoSecrets, secret, watchForSecrets } from './secrets.js';

export interface Account {
  readonly owner: string;
  readonly ownerKey: string;
  readonly deviceKey: string;
}

/** Settings on top of the tests' own; the keys without `FIRMWIRE_`. */
export type Overrides = Readonly<Record<string, string>>;

/** Nothing of the tester's own FIRMWIRE_ variables gets in, so that a run is the same everywhere. */
const environment = (data: string, overrides: Overrides): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  FIRMWIRE_DATA: data,
  FIRMWIRE_MQTT_PORT: '0',
  FIRMWIRE_HTTP_PORT: '0',
  FIRMWIRE_MQTT_TLS_PORT: '0',
  FIRMWIRE_HTTP_TLS_PORT: '0',
  FIRMWIRE_MQTT_HOST: '127.0.0.1',
  FIRMWIRE_HTTP_HOST: '127.0.0.1',
  FIRMWIRE_LOG_LEVEL: 'warn',
  FIRMWIRE_OFFERS_SETTLE_SECONDS: '0.3',
  ...Object.fromEntries(Object.entries(overrides).map(([name, value]) => [`FIRMWIRE_${name}`, value])),
});

/** A data folder of its own for one test. */
export const newDataFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'firmwire-e2e-'));

/** Runs one command of the program to its end. */
export async function runProgram(
  args: readonly string[],
  data: string,
  overrides: Overrides = {},
): Promise<Ended & { out: string; err: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: data, env: environment(data, overrides) });
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes) => {
    out += bytes;
  });
  child.stderr.on('data', (bytes) => {
    err += bytes;
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, out, err };
}

/** One running `firmwire serve`. */
export class ServerProcess extends FirmwireProcess {
  mqttPort = 0;
  httpPort = 0;
  /** 0 without TLS. */
  mqttsPort = 0;
  httpsPort = 0;
  /** With the authority of its certificate, devices and owners of the tests speak TLS to it. */
  ca: string | undefined;
  /** With it, devices and owners of the tests speak to this gateway, in plain, instead of to the server. */
  through: { readonly mqttPort: number; readonly httpPort: number; dispose(): Promise<void> } | undefined;
  account: Account = { owner: '', ownerKey: '', deviceKey: '' };

  private constructor(
    readonly data: string,
    readonly overrides: Overrides,
    readonly around: NodeJS.ProcessEnv,
  ) {
    super(['serve'], data, { ...environment(data, overrides), ...around });
  }

  /**
   * Starts a server on free ports; resolves once /ready answers 200.
   * @param around variables that are no settings of ours
   */
  static async start(
    overrides: Overrides = {},
    data?: string,
    around: NodeJS.ProcessEnv = {},
  ): Promise<ServerProcess> {
    const server = new ServerProcess(data ?? (await newDataFolder()), overrides, around);
    try {
      await server.#ready();
      return server;
    } catch (error) {
      await server.kill();
      throw error;
    }
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  get mqttUrl(): string {
    if (this.through) return `mqtt://127.0.0.1:${this.through.mqttPort}`;
    return this.ca === undefined
      ? `mqtt://127.0.0.1:${this.mqttPort}`
      : `mqtts://localhost:${this.mqttsPort}`;
  }

  /** Where devices knock for HTTP. */
  get httpDoor(): Door {
    if (this.through) return this.through.httpPort;
    return this.ca === undefined ? this.httpPort : { port: this.httpsPort, ca: this.ca };
  }

  async #ready(): Promise<void> {
    await this.said('Firmwire is ready');
    // It says so when everything listens: no second look is needed for /ready to agree.
    if (!(await this.#isReady())) throw new Error(`the server is not ready:\n${this.out}${this.err}`);
    const credentials = await readFile(join(this.data, 'credentials.json'), 'utf8').catch(() => undefined);
    // Of several nodes only the one that made the first owner has them.
    if (credentials !== undefined) this.account = accountOf(JSON.parse(credentials));
  }

  async #isReady(): Promise<boolean> {
    const text = await readFile(join(this.data, 'runtime.json'), 'utf8').catch(() => '');
    const runtime = parsed(text);
    // After a kill the file of the process before would still be there.
    if (at(runtime, 'pid') !== this.pid) return false;
    this.mqttPort = Number(at(runtime, 'mqttPort'));
    this.httpPort = Number(at(runtime, 'httpPort'));
    this.mqttsPort = Number(at(runtime, 'mqttsPort') ?? 0);
    this.httpsPort = Number(at(runtime, 'httpsPort') ?? 0);
    const answer = await fetch(`${this.httpUrl}/ready`).catch(() => undefined);
    const reason = at((await answer?.json()) ?? {}, 'reason');
    // One that has found its store emptied is up, and says so.
    return answer?.status === 200 || reason === 'store_emptied' || reason === 'store_unavailable';
  }

  /** Makes one more owner, with the command line, beside the running server. */
  async addOwner(name: string): Promise<Account> {
    const result = await runProgram(['owner', 'add', name, '--json'], this.data, this.overrides);
    if (result.code !== 0) throw new Error(`owner add: ${result.code} ${result.err}`);
    return accountOf(JSON.parse(result.out));
  }

  /** kill -9 and a new server on the same data. */
  async killAndRestart(): Promise<ServerProcess> {
    await this.kill();
    return ServerProcess.start(this.overrides, this.data, this.around);
  }

  /** Ends it, however it is, and removes its data. */
  async dispose(): Promise<void> {
    await this.through?.dispose();
    if (!this.hasEnded) watchForSecrets('the metrics', await this.#metrics());
    await this.kill();
    await rm(this.data, { recursive: true, force: true });
    watchForSecrets('the output of the server', this.out);
    watchForSecrets('the log of the server', this.err);
    assertNoSecrets();
  }

  /** What can be read of them: a server whose store is away, or that is hung, is ended as well. */
  #metrics(): Promise<string> {
    const signal = AbortSignal.timeout(1000);
    return fetch(`${this.httpUrl}/metrics`, { signal }).then(
      (answer) => answer.text(),
      () => '',
    );
  }
}

function accountOf(value: unknown): Account {
  const [ownerKey, deviceKey] = [textAt(value, 'ownerKey'), textAt(value, 'deviceKey')];
  secret(ownerKey);
  secret(deviceKey);
  return { owner: textAt(value, 'owner'), ownerKey, deviceKey };
}
