import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.js';
import { ServerProcess } from '../server-process.js';
import { nodeCommand } from './node-command.js';

const PROGRAM = fileURLToPath(new URL('./net-program.js', import.meta.url));

/** The physical limit of a server on Node: ready bytes to sockets; see `net-program.ts`. */
export class NetServer {
  private constructor(
    readonly process: ServerProcess,
    readonly mqttPort: number,
  ) {}

  static async start(bench: Bench): Promise<NetServer> {
    const server = await ServerProcess.start(bench, {
      command: [...nodeCommand(), PROGRAM],
      ready: /^listening on (\d+)$/,
    });
    return new NetServer(server, Number(server.said[0]));
  }

  stop(): Promise<void> {
    return this.process.kill();
  }
}
