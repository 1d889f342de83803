import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MEMORY_HOOK } from '../bench/peers/firmwire.js';
import { type Credentials, readCredentials, readRuntime } from '../client/credentials.js';
import type { Names } from './case.js';
import type { Doors } from './play.js';
import { World } from './world.js';

const PROGRAM = fileURLToPath(new URL('../firmwire.js', import.meta.url));

/** Far above what a run can reach: who is throttled is looked at by nobody. */
const UNTHROTTLED = '1000000';
/** pino's number for `error`. */
const ERROR_LEVEL = 50;

/** A real server of its own, on free ports and in a folder that goes with it. */
export class Target implements Doors {
  /** What it has done that it must not do, oldest first. */
  readonly wrong: string[] = [];
  readonly world: World;
  readonly #child: ChildProcess;
  readonly #data: string;
  #isEnding = false;

  private constructor(
    child: ChildProcess,
    data: string,
    readonly mqttPort: number,
    readonly httpPort: number,
    readonly credentials: Credentials,
  ) {
    this.#child = child;
    this.#data = data;
    this.world = new World(this);
    if (child.stderr)
      createInterface({ input: child.stderr }).on('line', (line) => isWrong(line) && this.wrong.push(line));
    child.once('exit', (code, signal) => {
      if (!this.#isEnding) this.wrong.push(`the server ended: ${signal ?? code}`);
    });
  }

  /** @throws Error if it does not start */
  static async start(): Promise<Target> {
    const data = await mkdtemp(join(tmpdir(), 'firmwire-fuzz-'));
    const child = spawn(process.execPath, ['--expose-gc', '--import', MEMORY_HOOK, PROGRAM, 'serve'], {
      cwd: data,
      env: {
        PATH: process.env['PATH'],
        FIRMWIRE_DATA: data,
        FIRMWIRE_MQTT_HOST: '127.0.0.1',
        FIRMWIRE_MQTT_PORT: '0',
        FIRMWIRE_HTTP_HOST: '127.0.0.1',
        FIRMWIRE_HTTP_PORT: '0',
        FIRMWIRE_LOG_LEVEL: 'warn',
        FIRMWIRE_OFFERS_SETTLE_SECONDS: '0.2',
        FIRMWIRE_HOME_ASSISTANT_ENABLED: 'true',
        FIRMWIRE_THROTTLE_SUBJECT_FAILURES_PER_MINUTE: UNTHROTTLED,
        FIRMWIRE_THROTTLE_ADDRESS_FAILURES_PER_MINUTE: UNTHROTTLED,
        FIRMWIRE_THROTTLE_LOGIN_FAILURES_PER_MINUTE: UNTHROTTLED,
        FIRMWIRE_LIMITS_CONNECTS_PER_MINUTE_PER_ADDRESS: UNTHROTTLED,
        FIRMWIRE_LIMITS_CONNECTS_PER_MINUTE_PER_DEVICE: UNTHROTTLED,
        FIRMWIRE_LIMITS_TOKENS_PER_HOUR_PER_DEVICE: UNTHROTTLED,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    await isReady(child);
    const [runtime, credentials] = await Promise.all([readRuntime(data), readCredentials(data)]);
    if (!runtime) throw new Error(`${data} has no runtime.json although the server runs.`);
    const target = new Target(child, data, runtime.mqttPort, runtime.httpPort, credentials);
    await target.world.renew();
    return target;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get names(): Names {
    return { ...this.credentials, ...this.world.names };
  }

  /** Bytes that it holds once all garbage is gone, LMDB's file not counted. */
  async memory(): Promise<number> {
    const answer = once(this.#child, 'message');
    this.#child.send('memory');
    const [{ heapUsed, external }] = (await answer) as [NodeJS.MemoryUsage];
    return heapUsed + external;
  }

  /** Kills it as a crash would, and waits until it is gone. */
  async crash(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.crash();
    await rm(this.#data, { recursive: true, force: true });
  }
}

/** True for a line that a server never writes, whatever comes: its log is JSON, and anything else is what Node says. */
export function isWrong(line: string): boolean {
  try {
    const { level } = JSON.parse(line);
    return typeof level !== 'number' || level >= ERROR_LEVEL;
  } catch {
    return true;
  }
}

/** Resolves when it takes work. @throws Error with what it said, if it ends before that */
async function isReady({ stdout, stderr }: ChildProcess): Promise<void> {
  if (!stdout || !stderr) return;
  const said: string[] = [];
  const listen = (bytes: Buffer): void => void said.push(bytes.toString());
  stderr.on('data', listen);
  await new Promise<void>((resolve, reject) => {
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => line.startsWith('Firmwire is ready') && resolve());
    // Closed, not only ended: by then everything it wrote has come.
    stderr.once('close', () => reject(new Error(`The server ended before it was ready:\n${said.join('')}`)));
  });
  stderr.off('data', listen);
}
