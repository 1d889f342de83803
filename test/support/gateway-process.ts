import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertNoSecrets, watchForSecrets } from './secrets.js';
import { type Ended, newDataFolder, PROGRAM } from './server-process.js';

/** Several may start at once on a machine that is busy. */
const START_MS = 30_000;

/** Where a gateway finds its server. */
export interface Upstream {
  readonly httpsPort: number;
  readonly mqttsPort: number;
}

/** One running `firmwire connect`. */
export class GatewayProcess {
  out = '';
  err = '';
  httpPort = 0;
  mqttPort = 0;
  readonly exited: Promise<Ended>;
  readonly #child: ChildProcess;

  private constructor(
    readonly folder: string,
    args: readonly string[],
  ) {
    const child = spawn(process.execPath, [PROGRAM, 'connect', ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (bytes) => {
      this.out += bytes;
    });
    child.stderr.on('data', (bytes) => {
      this.err += bytes;
    });
    this.exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
    this.#child = child;
  }

  /**
   * Starts a gateway on free ports of 127.0.0.1, to `localhost`, without mDNS; resolves once it says that it is ready.
   * @param ca the authority to trust, PEM
   * @param folder with the cache of a gateway before
   */
  static async before(
    upstream: Upstream,
    ca: string,
    more: readonly string[] = ['--no-mdns'],
    folder?: string,
  ): Promise<GatewayProcess> {
    const dir = folder ?? (await newDataFolder());
    const file = join(dir, 'ca.pem');
    await writeFile(file, ca);
    const places = [
      '--to',
      `https://localhost:${upstream.httpsPort}`,
      '--mqtts',
      `localhost:${upstream.mqttsPort}`,
    ];
    const ports = ['--host', '127.0.0.1', '--http-port', '0', '--mqtt-port', '0'];
    const gateway = new GatewayProcess(dir, [...places, ...ports, '--ca', file, ...more]);
    try {
      await gateway.said(more.includes('--no-mdns') ? 'MQTT goes to' : 'by mDNS');
    } catch (error) {
      await (folder === undefined ? gateway.dispose() : gateway.kill());
      throw error;
    }
    const [, http, mqtt] = /HTTP on port (\d+), MQTT on port (\d+)/.exec(gateway.out) ?? [];
    gateway.httpPort = Number(http);
    gateway.mqttPort = Number(mqtt);
    return gateway;
  }

  /** Resolves once it has said so, in its log or beside it. */
  async said(words: string): Promise<void> {
    const limit = AbortSignal.timeout(START_MS);
    const gone = this.exited.then(() => 'gone');
    while (!`${this.out}${this.err}`.includes(words)) {
      const streams = [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null);
      const said = streams.map((stream) => once(stream, 'data', { signal: limit }));
      if ((await Promise.race([...said, gone])) === 'gone')
        throw new Error(`the gateway has ended without "${words}":\n${this.out}${this.err}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** kill -9, and waits until it is dead. The folder stays. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Ends it, however it is, and removes its folder. @throws Error if a secret has turned up */
  async dispose(): Promise<void> {
    await this.kill();
    watchForSecrets('the output of the gateway', this.out);
    watchForSecrets('the log of the gateway', this.err);
    const known = await readFile(join(this.folder, 'gateway', 'devices.json'), 'utf8').catch(() => '');
    watchForSecrets('what the gateway knows of devices', known);
    assertNoSecrets();
    await rm(this.folder, { recursive: true, force: true });
  }
}
