import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CORES, cpuMs, pinned } from './machine.js';

const PROGRAM = fileURLToPath(new URL('./load/main.js', import.meta.url));

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

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
      for (const { reject } of this.waiting.values()) reject(new Error('The load process has ended.'));
    });
  }

  static async start<Calls>(kind: string): Promise<LoadProcess<Calls>> {
    const [file, args] = pinned(CORES.load, [process.execPath, PROGRAM, kind]);
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(child, 'message');
    return new LoadProcess<Calls>(child);
  }

  /** Calls one method over there. Rejects with its error's text. */
  call<Name extends keyof Calls & string>(
    name: Name,
    ...args: Calls[Name] extends (...args: infer A) => unknown ? A : never
  ): Promise<Calls[Name] extends (...args: never[]) => infer R ? Awaited<R> : never> {
    const id = this.next++;
    const answer = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.child.send({ id, name, args });
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
