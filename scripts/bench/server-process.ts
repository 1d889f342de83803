import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { CORES, cpuMs, pinned, rssBytes } from './machine.js';

export interface ServerCommand {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The line on stdout that says it is ready, with what is worth knowing in groups; absent: do not wait for a line. */
  readonly ready?: RegExp;
}

/** A server on the core of its own. */
export class ServerProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** What the groups of `ready` matched. */
    readonly said: readonly string[],
  ) {}

  /** @throws Error with what the server wrote, if it ends before it is ready */
  static async start({ command, env, ready }: ServerCommand): Promise<ServerProcess> {
    const [file, args] = pinned(CORES.server, command);
    const child = spawn(file, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const errors: string[] = [];
    child.stderr?.on('data', (text: Buffer) => errors.push(text.toString()));
    if (!ready) {
      child.stdout?.resume();
      return new ServerProcess(child, []);
    }
    const said = await Promise.race([
      firstMatch(child, ready),
      once(child, 'exit').then(() => {
        throw new Error(`${command.join(' ')} ended before it was ready:\n${errors.join('')}`);
      }),
    ]);
    return new ServerProcess(child, said);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** User and system time so far, children included, ms. */
  cpuMs(): number {
    return cpuMs(this.pid);
  }

  rssBytes(): number {
    return rssBytes(this.pid);
  }

  /** Asks a program that was made for it (see `peers/memory-hook.ts`) and waits for its answer. */
  async ask<T>(question: string): Promise<T> {
    this.child.send(question);
    const [answer] = await once(this.child, 'message');
    return answer as T;
  }

  /** Ends it, by force: what it holds is thrown away anyway. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    await gone;
  }
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
