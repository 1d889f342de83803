import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Api, createApi, type Published } from '../../client/api.js';
import { type Credentials, readCredentials, readRuntime } from '../../client/credentials.js';
import { madeUpImage } from '../../simulator/made-up-image.js';
import { PLATFORM } from '../load/packets.js';
import { ServerProcess } from '../server-process.js';

const PROGRAM = fileURLToPath(new URL('../../firmwire.js', import.meta.url));
const MEMORY_HOOK = new URL('./memory-hook.js', import.meta.url).href;

export interface FirmwireOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Fills the data folder before the server starts. */
  readonly prepare?: (data: string) => Promise<void>;
}

/** The whole product, started as a person would start it, with its default settings on free ports. */
export class FirmwireServer {
  private constructor(
    readonly process: ServerProcess,
    readonly data: string,
    readonly mqttPort: number,
    readonly httpPort: number,
    readonly credentials: Credentials,
  ) {}

  static async start({ env = {}, prepare }: FirmwireOptions = {}): Promise<FirmwireServer> {
    const data = await mkdtemp(join(tmpdir(), 'firmwire-bench-'));
    await prepare?.(data);
    const process_ = await ServerProcess.start({
      command: [process.execPath, '--expose-gc', '--import', MEMORY_HOOK, PROGRAM, 'serve'],
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
    const [runtime, credentials] = await Promise.all([readRuntime(data), readCredentials(data)]);
    if (!runtime) throw new Error(`${data} has no runtime.json although the server runs.`);
    return new FirmwireServer(process_, data, runtime.mqttPort, runtime.httpPort, credentials);
  }

  get api(): Api {
    return createApi(`http://127.0.0.1:${this.httpPort}`, this.credentials.ownerKey);
  }

  /** Publishes a made-up image of so many bytes. */
  async publish(version: string, bytes: number): Promise<Published> {
    const file = join(this.data, `image-${version}.bin`);
    await writeFile(file, madeUpImage(bytes, version));
    return this.api.publish({ files: [file], version, platform: PLATFORM });
  }

  async stop(): Promise<void> {
    await this.process.kill();
    await rm(this.data, { recursive: true, force: true });
  }
}
