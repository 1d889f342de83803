import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServerProcess } from '../server-process.js';

/** A port that was free a moment ago; for servers that cannot take one by themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

/** Resolves when somebody listens. @throws Error if nobody does within ten seconds */
export async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await delay(20);
  }
  throw new Error(`Nobody listens on port ${port}.`);
}

/** Debian's mosquitto: everybody may do everything, nothing is stored, nothing is logged. */
export class MosquittoServer {
  private constructor(
    readonly process: ServerProcess,
    readonly mqttPort: number,
    private readonly folder: string,
  ) {}

  static async start(): Promise<MosquittoServer> {
    const folder = await mkdtemp(join(tmpdir(), 'firmwire-bench-mosquitto-'));
    const port = await freePort();
    const config = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'persistence false',
      'log_dest none',
      'set_tcp_nodelay true',
      // Its default of 1000 would drop messages that wait for a slow subscriber.
      'max_queued_messages 0',
    ];
    const file = join(folder, 'mosquitto.conf');
    await writeFile(file, `${config.join('\n')}\n`);
    const server = await ServerProcess.start({ command: ['mosquitto', '-c', file] });
    await listening(port);
    return new MosquittoServer(server, port, folder);
  }

  async stop(): Promise<void> {
    await this.process.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
