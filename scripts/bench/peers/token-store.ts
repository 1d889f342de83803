import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.js';
import { ServerProcess } from '../server-process.js';
import { nodeCommand } from './node-command.js';

const PROGRAM = fileURLToPath(new URL('./token-store-program.js', import.meta.url));

/** The product's own token store without a server around it: no HTTP can be faster. */
export class TokenStoreServer {
  private constructor(
    readonly process: ServerProcess,
    private readonly folder: string,
  ) {}

  static async start(bench: Bench): Promise<TokenStoreServer> {
    const folder = await bench.newFolder('tokens');
    try {
      const command = [...nodeCommand(), PROGRAM, join(folder, 'store')];
      return new TokenStoreServer(await ServerProcess.start(bench, { command, ready: /^ready$/ }), folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Issues, begins and completes so many tokens, `window` at a time. @returns ms that it took */
  cycles(count: number, window: number): Promise<number> {
    return this.process.ask<number>(`${count} ${window}`);
  }

  async stop(): Promise<void> {
    await this.process.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
