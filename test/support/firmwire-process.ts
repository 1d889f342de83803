import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The built program. */
export const PROGRAM = fileURLToPath(new URL('../../scripts/firmwire.js', import.meta.url));
/** Several may start at once on a machine that is busy. */
const START_MS = 30_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One running `firmwire`, and what it has said so far. */
export class FirmwireProcess {
  /** stdout: what it tells a person. */
  out = '';
  /** stderr: its log. */
  err = '';
  readonly exited: Promise<Ended>;
  readonly #child: ChildProcess;

  protected constructor(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (bytes) => {
      this.out += bytes;
    });
    child.stderr.on('data', (bytes) => {
      this.err += bytes;
    });
    this.exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves once it has said so, in its log or beside it. @throws Error if it ends before */
  async said(words: string): Promise<void> {
    const limit = AbortSignal.timeout(START_MS);
    const gone = this.exited.then(() => 'gone');
    while (!`${this.out}${this.err}`.includes(words)) {
      const streams = [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null);
      const said = streams.map((stream) => once(stream, 'data', { signal: limit }));
      if ((await Promise.race([...said, gone])) === 'gone' && !`${this.out}${this.err}`.includes(words))
        throw new Error(`it has ended without "${words}":\n${this.out}${this.err}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** kill -9, and waits until it is dead. Its folder stays. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}
