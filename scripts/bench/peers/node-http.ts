import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.js';
import { ServerProcess } from '../server-process.js';
import { nodeCommand } from './node-command.js';

const PROGRAM = fileURLToPath(new URL('./node-http-program.js', import.meta.url));

/** Bare node:http; see `node-http-program.ts` for what the arguments say. */
export class NodeHttpServer {
  private constructor(
    readonly process: ServerProcess,
    readonly httpPort: number,
  ) {}

  static async start(bench: Bench, ...args: readonly string[]): Promise<NodeHttpServer> {
    const server = await ServerProcess.start(bench, {
      command: [...nodeCommand(), PROGRAM, ...args],
      ready: /^listening (\d+)$/,
    });
    return new NodeHttpServer(server, Number(server.said[0]));
  }

  stop(): Promise<void> {
    return this.process.kill();
  }
}
