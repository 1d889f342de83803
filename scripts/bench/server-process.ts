import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Bench } from './bench.js';
import { cpuMs, nowMs, rssBytes } from './machine.js';
import { listening } from './port.js';
import type { Span } from './profile.js';

export interface ServerCommand {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /**
   * What shows that it is ready: the line on stdout, with what is worth knowing in groups, or the port of 127.0.0.1 on
   * which it listens then.
   */
  readonly ready: RegExp | number;
}

/** A server on the core of its own. */
export class ServerProcess {
  private span: Span | undefined;

  private constructor(
    private readonly child: ChildProcess,
    /** What the groups of `ready` matched; nothing if that was a port. */
    readonly said: readonly string[],
  ) {}

  /** @throws Error with what the server wrote to stderr, if it ends before it is ready */
  static async start(bench: Bench, { command, env, ready }: ServerCommand): Promise<ServerProcess> {
    const child = bench.spawn('server', command, {
      ...(env && { env }),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const errors: string[] = [];
    child.stderr?.on('data', (text: Buffer) => errors.push(text.toString()));
    const givenUp = new AbortController();
    // Closed, not only ended: by then everything it wrote has come.
    const ended = once(child, 'close').then(() => {
      throw new Error(`${command.join(' ')} ended before it was ready:\n${errors.join('')}`);
    });
    const isReady =
      typeof ready === 'number' ? onceListening(child, ready, givenUp.signal) : firstMatch(child, ready);
    try {
      return new ServerProcess(child, await Promise.race([isReady, ended]));
    } catch (error) {
      givenUp.abort();
      child.kill('SIGKILL');
      throw error;
    }
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** User and system time so far, children included, ms. */
  cpuMs(): number {
    const now = nowMs();
    this.span = [this.span?.[0] ?? now, now];
    return cpuMs(this.pid);
  }

  /** From the first question for its CPU time to the last: what lies between was measured. Undefined: nobody asked. */
  get measured(): Span | undefined {
    return this.span;
  }

  rssBytes(): number {
    return rssBytes(this.pid);
  }

  /** Asks a program that was made for it (see `peers/memory-hook.ts`) and waits for its answer. @throws Error if it ends */
  async ask<T>(question: string): Promise<T> {
    const answered = new AbortController();
    const { signal } = answered;
    const answer = once(this.child, 'message', { signal });
    const ended = once(this.child, 'exit', { signal }).then(() => {
      throw new Error('The server ended instead of answering.');
    });
    this.child.send(question);
    try {
      const [first] = await Promise.race([answer, ended]);
      return first as T;
    } finally {
      // Rounds ask often: no listener is left behind.
      answered.abort();
      await Promise.allSettled([answer, ended]);
    }
  }

  /** Ends it and waits until it has; by force unless told otherwise: what it holds is thrown away anyway. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    await gone;
  }
}

async function onceListening(child: ChildProcess, port: number, signal: AbortSignal): Promise<string[]> {
  child.stdout?.resume();
  await listening(port, signal);
  return [];
}

async function firstMatch(child: ChildProcess, ready: RegExp): Promise<string[]> {
  if (!child.stdout) return [];
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      const match = ready.exec(line);
      if (match) resolve(match.slice(1));
    });
  });
}
