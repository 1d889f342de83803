import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, RedisServer } from './redis-server.js';

const NAME = 'fleet';
const QUORUM = 2;
const PATIENCE_MS = 30_000;

/** A primary and a replica that keep what they are told, and three Sentinels that watch over them. */
export class Watched {
  readonly #sentinels: { child: ChildProcess; port: number }[] = [];
  #dir = '';

  private constructor(
    /** The primary at the start. */
    readonly first: RedisServer,
    /** Its replica. */
    readonly second: RedisServer,
  ) {}

  /** Resolves once the Sentinels agree on who is there. */
  static async start(): Promise<Watched> {
    const keeping = ['--appendonly', 'yes', '--repl-diskless-sync-delay', '0'];
    const first = await RedisServer.start({ args: keeping });
    const args = [...keeping, '--replicaof', '127.0.0.1', `${first.port}`];
    const watched = new Watched(first, await RedisServer.start({ args }));
    try {
      watched.#dir = await mkdtemp(join(tmpdir(), 'firmwire-sentinel-'));
      // Sentinels look at once and then every 10 s: what they see first is to be right.
      await watched.follows(watched.second);
      for (let n = 0; n < 3; n++) await watched.#startSentinel();
      await watched.#agreed();
      return watched;
    } catch (error) {
      await watched.dispose();
      throw error;
    }
  }

  get url(): string {
    return `redis+sentinel://${this.#sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${NAME}`;
  }

  async dispose(): Promise<void> {
    for (const { child } of this.#sentinels) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    await Promise.all([this.first.dispose(), this.second.dispose()]);
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** What a Redis says it is: `master` or `slave`. */
  async role(server: RedisServer): Promise<string> {
    const [role] = (await server.command('ROLE')) as [string];
    return role;
  }

  /** Resolves once it is a replica that has all that the other has. */
  async follows(server: RedisServer): Promise<void> {
    await until(`port ${server.port} does not follow`, async () => {
      const info = String(await server.command('INFO', 'replication'));
      return info.includes('role:slave') && info.includes('master_link_status:up');
    });
  }

  /** Resolves once the replica has all that the primary has: without `redis.replicas` an answer does not wait for it. */
  async inStep(primary: RedisServer, replica: RedisServer): Promise<void> {
    const offset = async (server: RedisServer, name: string): Promise<string | undefined> =>
      new RegExp(`^${name}:(\\d+)`, 'm').exec(String(await server.command('INFO', 'replication')))?.[1];
    await until(`port ${replica.port} does not catch up`, async () => {
      const written = await offset(primary, 'master_repl_offset');
      return written !== undefined && written === (await offset(replica, 'slave_repl_offset'));
    });
  }

  async #startSentinel(): Promise<void> {
    const port = await freePort();
    const path = join(this.#dir, `${port}.conf`);
    // A Sentinel writes what it finds out into its own configuration.
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${this.#dir}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${this.first.port} ${QUORUM}`,
      `sentinel down-after-milliseconds ${NAME} 1000`,
      `sentinel failover-timeout ${NAME} 5000`,
      `sentinel parallel-syncs ${NAME} 1`,
    ];
    await writeFile(path, `${lines.join('\n')}\n`);
    const child = spawn('redis-server', [path, '--sentinel'], {
      stdio: 'ignore',
      env: { PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` },
    });
    this.#sentinels.push({ child, port });
  }

  /** Every Sentinel knows the two others and the replica; before that none could fail over. */
  async #agreed(): Promise<void> {
    for (const { port } of this.#sentinels)
      await until(`Sentinel ${port} does not know all`, async () => {
        const redis = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null });
        redis.on('error', () => undefined);
        try {
          await redis.connect();
          const flat = (await redis.call('SENTINEL', 'MASTER', NAME)) as string[];
          const value = (name: string) => flat[flat.indexOf(name) + 1];
          const [replica] = (await redis.call('SENTINEL', 'REPLICAS', NAME)) as string[][];
          return (
            value('num-other-sentinels') === '2' &&
            value('flags') === 'master' &&
            replica?.[replica.indexOf('flags') + 1] === 'slave' &&
            replica[replica.indexOf('master-link-status') + 1] === 'ok'
          );
        } catch {
          return false;
        } finally {
          redis.disconnect();
        }
      });
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds()); await delay(50))
    if (performance.now() > end) throw new Error(`${what} after ${PATIENCE_MS} ms`);
}
