import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { freePort } from '../port.js';
import { ServerProcess } from '../server-process.js';
import { FirmwireServer } from './firmwire.js';

/** Several nodes that are one server, and the Redis between them, all on the core of the server. */
export class Nodes {
  private constructor(
    private readonly redis: ServerProcess,
    readonly nodes: readonly FirmwireServer[],
  ) {}

  static async start(bench: Bench, count: number): Promise<Nodes> {
    const port = await freePort();
    const folder = await bench.newFolder('redis');
    const redis = await ServerProcess.start(bench, {
      command: [
        'redis-server',
        ...['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder],
        // As docs/redis.md says it should be: written to disk once a second.
        ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
      ],
      ready: port,
    });
    const nodes: FirmwireServer[] = [];
    try {
      const env = {
        FIRMWIRE_STORAGE: 'redis',
        FIRMWIRE_REDIS_URL: `redis://127.0.0.1:${port}`,
        FIRMWIRE_FIRMWARE_DIR: join(folder, 'firmware'),
      };
      for (let n = 0; n < count; n++) {
        const first = nodes[0];
        // Only the node that made the first owner has the keys.
        const prepare = async (data: string): Promise<void> => {
          await mkdir(data, { recursive: true });
          if (first) await copyFile(join(first.data, 'credentials.json'), join(data, 'credentials.json'));
        };
        nodes.push(await FirmwireServer.start(bench, { env, prepare }));
      }
      return new Nodes(redis, nodes);
    } catch (error) {
      await new Nodes(redis, nodes).stop();
      throw error;
    }
  }

  /** User and system time of all nodes so far, ms. */
  cpuMs(): number {
    return this.nodes.reduce((sum, { process }) => sum + process.cpuMs(), 0);
  }

  /** The same of Redis. */
  redisCpuMs(): number {
    return this.redis.cpuMs();
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await node.stop();
    await this.redis.kill();
  }
}
