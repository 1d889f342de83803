import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.js';
import { cpuMs } from './machine.js';

const PROGRAM = fileURLToPath(new URL('./load/main.js', import.meta.url));

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

const ended = (): Error => new Error('The load process has ended.');

/** The load, in a process of its own on the other core. Its calls are those of the object that `kind` names. */
export class LoadProcess<Calls> {
  private next = 0;
  private readonly waiting = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();

  private constructor(private readonly child: ChildProcess) {
    child.on('message', ({ id, result, error }: Answer) => {
      const call = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error));
    });
    child.on('exit', () => {
      for (const { reject } of this.waiting.values()) reject(ended());
      this.waiting.clear();
    });
  }

  /** @param kind a file in `load/`, without its ending. @throws Error if it ends before it is ready */
  static async start<Calls>(bench: Bench, kind: string): Promise<LoadProcess<Calls>> {
    const command = [process.execPath, PROGRAM, kind];
    const child = bench.spawn('load', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const tooSoon = once(child, 'exit').then(() => {
      throw ended();
    });
    await Promise.race([once(child, 'message'), tooSoon]);
    return new LoadProcess<Calls>(child);
  }

  /** Calls one method over there. Rejects with its error's text, or when the process ends. */
  call<Name extends keyof Calls & string>(
    name: Name,
    ...args: Calls[Name] extends (...args: infer A) => unknown ? A : never
  ): Promise<Calls[Name] extends (...args: never[]) => infer R ? Awaited<R> : never> {
    const id = this.next++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, name, args }, (error) => error && reject(ended()));
    });
    return answer as Promise<Calls[Name] extends (...args: never[]) => infer R ? Awaited<R> : never>;
  }

  cpuMs(): number {
    return cpuMs(this.child.pid ?? 0);
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}
