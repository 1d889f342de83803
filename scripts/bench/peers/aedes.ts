import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.js';
import { ServerProcess } from '../server-process.js';
import { MEMORY_HOOK } from './firmwire.js';
import { nodeCommand } from './node-command.js';

const PROGRAM = fileURLToPath(new URL('./aedes-program.js', import.meta.url));

/** Aedes as it comes, everything in memory: what our own broker stands on. */
export class AedesServer {
  private constructor(
    readonly process: ServerProcess,
    readonly mqttPort: number,
  ) {}

  /** @param answerBytes size of the answer to what a device publishes on its status topic; 0: none */
  static async start(bench: Bench, answerBytes = 0): Promise<AedesServer> {
    const command = [...nodeCommand(), '--expose-gc', '--import', MEMORY_HOOK, PROGRAM, String(answerBytes)];
    const server = await ServerProcess.start(bench, { command, ready: /^port (\d+)$/ });
    return new AedesServer(server, Number(server.said[0]));
  }

  stop(): Promise<void> {
    return this.process.kill();
  }
}
