import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 10_000;
const EVERY_MS = 20;

/** A port that was free a moment ago; for servers that cannot take one by themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

/** Resolves when somebody listens. @throws Error if nobody does within ten seconds, or when `signal` is aborted */
export async function listening(port: number, signal: AbortSignal): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS; waited += EVERY_MS) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await delay(EVERY_MS, undefined, { signal });
  }
  throw new Error(`Nobody listens on port ${port}.`);
}
