import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { freePort } from '../port.js';
import { ServerProcess } from '../server-process.js';

const configFor = (port: number): string =>
  [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'log_dest none',
    'set_tcp_nodelay true',
    // Its default of 1000 would drop messages that wait for a slow subscriber.
    'max_queued_messages 0',
    '',
  ].join('\n');

/** Debian's mosquitto: everybody may do everything, nothing is stored, nothing is logged. */
export class MosquittoServer {
  private constructor(
    readonly process: ServerProcess,
    readonly mqttPort: number,
    private readonly folder: string,
  ) {}

  static async start(bench: Bench): Promise<MosquittoServer> {
    const folder = await bench.newFolder('mosquitto');
    try {
      const port = await freePort();
      const file = join(folder, 'mosquitto.conf');
      await writeFile(file, configFor(port));
      const server = await ServerProcess.start(bench, { command: ['mosquitto', '-c', file], ready: port });
      return new MosquittoServer(server, port, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.process.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
