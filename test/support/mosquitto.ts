import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Inbox } from './inbox.js';

/** Who a mosquitto client is. */
export interface Login {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly clientId?: string;
}

const common = ({ port, username, password, clientId }: Login): string[] => [
  ...['-h', '127.0.0.1', '-p', String(port), '-V', 'mqttv311', '-u', username, '-P', password],
  ...(clientId === undefined ? [] : ['-i', clientId]),
];

/** A running mosquitto_sub; what it gets comes as `<topic> <retained> <payload>`. */
export class MosquittoSub {
  readonly lines = new Inbox<string>();
  readonly #child: ChildProcess;

  private constructor(login: Login, filter: string, more: readonly string[]) {
    const args = [...common(login), '-d', '-F', '%t %r %p', '-t', filter, ...more];
    // Line by line, or the pipe would hold back what has arrived.
    const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      createInterface(stream).on('line', (line) => this.lines.push(line));
    this.#child = child;
  }

  /** Resolves once the subscription is acknowledged. */
  static async start(login: Login, filter: string, more: readonly string[] = []): Promise<MosquittoSub> {
    const sub = new MosquittoSub(login, filter, more);
    await sub.lines.next('SUBACK', (line) => line.startsWith('Subscribed'));
    return sub;
  }

  /** The payload of the next message on a topic. */
  async next(topic: string, wants: (payload: string) => boolean = () => true): Promise<string> {
    const start = (line: string): number => line.indexOf(' ', topic.length + 1) + 1;
    const line = await this.lines.next(
      `a message on ${topic}`,
      (text) => text.startsWith(`${topic} `) && wants(text.slice(start(text))),
    );
    return line.slice(start(line));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
  }
}

/** Runs mosquitto_pub to its end; its exit code. */
export async function mosquittoPub(
  login: Login,
  topic: string,
  payload: string,
  more: readonly string[] = [],
): Promise<number> {
  const args = [...common(login), '-t', topic, '-m', payload, ...more];
  const child = spawn('mosquitto_pub', args, { stdio: 'ignore' });
  const [code] = await once(child, 'close');
  return code;
}

/** What `curl --http1.0` writes to its standard output. */
export async function curl(url: string): Promise<Buffer> {
  const child = spawn('curl', ['--http1.0', '--silent', '--fail', url], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => pieces.push(bytes));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`curl ended with ${code}`);
  return Buffer.concat(pieces);
}
