import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Cli } from '../../../scripts/cli/context.js';
import { run } from '../../../scripts/cli/run.js';

/** What a command left behind. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

const BIN = fileURLToPath(new URL('../../../scripts/firmwire.js', import.meta.url));

/** Runs the built program as a shell would, with this environment and no other. */
export async function spawnFirmwire(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'close');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [exitCode] = (await exit) as [number | null];
  return { exitCode, out, err };
}

class Collector extends Writable {
  content = '';

  constructor(readonly isTTY: boolean) {
    super();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.content += chunk.toString();
    done();
  }
}

/** Runs a command within this process. */
export async function runFirmwire(
  args: readonly string[],
  { env = {}, isTTY = false, signal }: { env?: Cli['env']; isTTY?: boolean; signal?: AbortSignal } = {},
): Promise<Outcome> {
  const out = new Collector(isTTY);
  const err = new Collector(isTTY);
  const interrupt = () => signal ?? new AbortController().signal;
  const exitCode = await run(args, { out, err, env, interrupt });
  return { exitCode, out: out.content, err: err.content };
}

/** A request as the tiny server saw it. */
export interface Seen {
  readonly call: string;
  readonly key: string | undefined;
  readonly body: string;
}

type Answers = Readonly<Record<string, readonly [status: number, body?: unknown]>>;

/** A server that knows the answers to a few calls (`GET /api/v1/devices`) and remembers all that it was asked. */
export class TinyServer {
  readonly seen: Seen[] = [];
  answers: Answers = {};
  readonly #http = createServer((request, response) => {
    void this.#record(request).then((call) => {
      const [status, body] = this.answers[call] ?? [
        404,
        { error: { code: 'not_found', message: 'Nothing here.' } },
      ];
      response.writeHead(status).end(body === undefined ? undefined : JSON.stringify(body));
    });
  });

  async #record(request: IncomingMessage): Promise<string> {
    const call = `${request.method} ${request.url}`;
    this.seen.push({ call, key: request.headers.authorization, body: await text(request) });
    return call;
  }

  async start(): Promise<number> {
    this.#http.listen(0, '127.0.0.1');
    await once(this.#http, 'listening');
    return (this.#http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }
}
