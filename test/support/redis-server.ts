import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';

/** What a server says when it can be used, and what a Sentinel says. */
const READY = /Ready to accept connections|Sentinel ID is/;

export interface RedisServerOptions {
  /** Arguments of redis-server, e.g. `--appendonly yes`. By default nothing is written to the disk. */
  readonly args?: readonly string[];
  readonly port?: number;
}

/** Below the ports that connections get from the system: else one could take the port of a server that is to come back. */
const PORTS = { from: 10_000, to: 32_000 };

/** A port of 127.0.0.1 that was free a moment ago: a server that is started again has to have the same one. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

const MOST_ATTEMPTS = 5;

/** A real redis-server on a port and in a folder of its own. */
export class RedisServer {
  #child: ChildProcess | undefined;
  #out = '';

  private constructor(
    readonly port: number,
    readonly dir: string,
    private readonly args: readonly string[],
  ) {}

  /** A Sentinel that decides alone, and soon, that the primary on this port is dead. */
  static async sentinel(name: string, port: number): Promise<RedisServer> {
    const dir = await mkdtemp(join(tmpdir(), 'firmwire-sentinel-'));
    const config = join(dir, 'sentinel.conf');
    const lines = [
      `sentinel monitor ${name} 127.0.0.1 ${port} 1`,
      `sentinel down-after-milliseconds ${name} 300`,
      `sentinel failover-timeout ${name} 2000`,
    ];
    await writeFile(config, `${lines.join('\n')}\n`);
    const server = new RedisServer(await freePort(), dir, [config, '--sentinel']);
    await server.start();
    return server;
  }

  /** Resolves once it accepts connections. */
  static async start({ args = [], port }: RedisServerOptions = {}): Promise<RedisServer> {
    const dir = await mkdtemp(join(tmpdir(), 'firmwire-redis-'));
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(port ?? (await freePort()), dir, args);
      try {
        await server.start();
        return server;
      } catch (error) {
        // A cluster also takes the port 10,000 higher, and anybody may take a free port before it does.
        if (
          port !== undefined ||
          attempt === MOST_ATTEMPTS ||
          !String(error).includes('Address already in use')
        )
          throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Starts it again, on the same port and folder: with the data of before only if it was told to write them. */
  async start(): Promise<void> {
    const place = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.dir];
    const quick = ['--save', '', '--appendonly', 'no', '--daemonize', 'no'];
    const [config = ''] = this.args;
    // The name of a file comes first, and a Sentinel keeps no data.
    const args = config.startsWith('/')
      ? [config, ...place, ...this.args.slice(1)]
      : [...place, ...quick, ...this.args];
    const child = spawn('redis-server', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` },
    });
    this.#child = child;
    this.#out = '';
    const gone = once(child, 'exit').then(() => false);
    const ready = new Promise<boolean>((resolve) => {
      createInterface(child.stdout).on('line', (line) => {
        this.#out += `${line}\n`;
        if (READY.test(line)) resolve(true);
      });
    });
    if (!(await Promise.race([ready, gone]))) throw new Error(`redis-server did not start:\n${this.#out}`);
  }

  /** SIGTERM, and waits for its end. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** kill -9, and waits for its end. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** It lives, and does nothing. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** One command on a connection of its own. */
  async command(name: string, ...args: readonly (string | number)[]): Promise<unknown> {
    return (await this.commands([name, ...args]))[0];
  }

  /** Several commands on one connection, one after the other. */
  async commands(...commands: readonly (readonly [string, ...(string | number)[]])[]): Promise<unknown[]> {
    const redis = new Redis({ port: this.port, host: '127.0.0.1', lazyConnect: true, retryStrategy: null });
    try {
      await redis.connect();
      const replies: unknown[] = [];
      for (const [name, ...args] of commands) replies.push(await redis.call(name, ...args));
      return replies;
    } finally {
      redis.disconnect();
    }
  }

  /** Ends it, however it is, and removes its folder. */
  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    // One that is paused would not hear SIGTERM.
    child.kill('SIGCONT');
    child.kill(signal);
    await exited;
  }
}
