import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_PATH } from '../dev/tools.js';
import { type Cores, pinned } from './machine.js';
import type { Shares } from './profile.js';

/** What is the same for a whole run. */
export interface BenchOptions {
  readonly cores: Cores;
  /** Absolute path of a folder in which every Firmwire server leaves a V8 CPU profile; undefined: no profiles. */
  readonly profiles?: string | undefined;
  /** Told what each of them says of the time that was measured. */
  readonly onProfile?: ((shares: Shares) => void) | undefined;
}

/** One run: what it hands down to the scenarios, and owner of all that must not outlive it, processes and folders. */
export class Bench {
  readonly cores: Cores;
  readonly profiles: string | undefined;
  readonly onProfile: (shares: Shares) => void;
  private readonly folder = mkdtempSync(join(tmpdir(), 'firmwire-bench-'));
  private readonly children = new Set<ChildProcess>();
  private isClosed = false;

  constructor({ cores, profiles, onProfile = () => {} }: BenchOptions) {
    this.cores = cores;
    this.profiles = profiles;
    this.onProfile = onProfile;
  }

  /** Makes a folder that is removed with the run, at the latest. */
  newFolder(name: string): Promise<string> {
    return mkdtemp(join(this.folder, `${name}-`));
  }

  /** Starts a program on one of the cores. @throws Error if the run is over */
  spawn(core: keyof Cores, command: readonly string[], options: SpawnOptions): ChildProcess {
    if (this.isClosed) throw new Error('The run is over.');
    const [file, args] = pinned(this.cores[core], command);
    const child = spawn(file, args, {
      ...options,
      env: { ...process.env, ...options.env, PATH: SYSTEM_PATH },
    });
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  /** Kills every process that is left and removes the folders. Waits for nothing, so that it can be done on exit. */
  close(): void {
    this.isClosed = true;
    for (const child of this.children) child.kill('SIGKILL');
    // Who is being killed may still write a file or two.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
