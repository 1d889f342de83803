import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Api, createApi, type Published } from '../../client/api.js';
import { type Credentials, readCredentials, readRuntime } from '../../client/credentials.js';
import { madeUpImage } from '../../simulator/made-up-image.js';
import type { Bench } from '../bench.js';
import { PLATFORM } from '../load/packets.js';
import { nowMs } from '../machine.js';
import { readShares } from '../profile.js';
import { ServerProcess } from '../server-process.js';
import { nodeCommand } from './node-command.js';

const PROGRAM = fileURLToPath(new URL('../../firmwire.js', import.meta.url));
export const MEMORY_HOOK = new URL('./memory-hook.js', import.meta.url).href;

/** Flags with which node leaves a CPU profile there when it ends; it looks every 200 us. */
const profiling = (folder: string | undefined): string[] =>
  folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', '200'];

export interface FirmwireOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Fills the data folder before the server starts. */
  readonly prepare?: (data: string) => Promise<void>;
}

/** The whole product, started as a person would start it, with its default settings on free ports. */
export class FirmwireServer {
  private constructor(
    readonly process: ServerProcess,
    private readonly bench: Bench,
    readonly data: string,
    readonly mqttPort: number,
    readonly httpPort: number,
    readonly credentials: Credentials,
    /** From the start of the process until it said that it listens, ms. */
    readonly startMs: number,
  ) {}

  static async start(bench: Bench, { env = {}, prepare }: FirmwireOptions = {}): Promise<FirmwireServer> {
    const data = await bench.newFolder('firmwire');
    let process_: ServerProcess | undefined;
    try {
      await prepare?.(data);
      const begun = nowMs();
      process_ = await ServerProcess.start(bench, {
        command: [
          ...nodeCommand(),
          ...profiling(bench.profiles),
          '--expose-gc',
          '--import',
          MEMORY_HOOK,
          PROGRAM,
          'serve',
        ],
        env: {
          FIRMWIRE_DATA: data,
          FIRMWIRE_MQTT_HOST: '127.0.0.1',
          FIRMWIRE_MQTT_PORT: '0',
          FIRMWIRE_HTTP_HOST: '127.0.0.1',
          FIRMWIRE_HTTP_PORT: '0',
          FIRMWIRE_LOG_LEVEL: 'warn',
          ...env,
        },
        ready: /^Firmwire is ready/,
      });
      const startMs = nowMs() - begun;
      const [runtime, credentials] = await Promise.all([readRuntime(data), readCredentials(data)]);
      if (!runtime) throw new Error(`${data} has no runtime.json although the server runs.`);
      return new FirmwireServer(
        process_,
        bench,
        data,
        runtime.mqttPort,
        runtime.httpPort,
        credentials,
        startMs,
      );
    } catch (error) {
      await process_?.kill();
      await rm(data, { recursive: true, force: true });
      throw error;
    }
  }

  get api(): Api {
    return createApi(`http://127.0.0.1:${this.httpPort}`, this.credentials.ownerKey);
  }

  /** Publishes a made-up image of so many bytes. */
  async publish(version: string, bytes: number): Promise<Published> {
    const file = join(this.data, `image-${version}.bin`);
    await writeFile(file, madeUpImage(bytes, version));
    return this.api.publish({ files: [file], version, platform: PLATFORM, rollout: 'all-at-once' });
  }

  async stop(): Promise<void> {
    const { profiles, onProfile } = this.bench;
    // A profile is written by a server that ends by itself.
    await this.process.kill(profiles === undefined ? 'SIGKILL' : 'SIGTERM');
    if (profiles !== undefined)
      onProfile(await readShares(profiles, this.process.pid, this.process.measured));
    await rm(this.data, { recursive: true, force: true });
  }
}
