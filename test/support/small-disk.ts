import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FILLER = 'filler';
const PIECES = [65_536, 4096] as const;

function mount(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(
      `A test needs a small disk of its own, and so root: ${program}: ${error?.message ?? stderr}`,
    );
}

/** A disk of so few bytes that a test can fill it. */
export class SmallDisk {
  private constructor(readonly path: string) {}

  /** @throws Error if this process may not mount one */
  static async mount(bytes: number): Promise<SmallDisk> {
    const path = await mkdtemp(join(tmpdir(), 'firmwire-disk-'));
    mount('mount', '-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', path);
    return new SmallDisk(path);
  }

  /** Another program takes all that is left, to the last block. */
  fill(): void {
    const file = openSync(join(this.path, FILLER), 'a');
    try {
      for (const size of PIECES) writeWhileThereIsRoom(file, Buffer.alloc(size));
    } finally {
      closeSync(file);
    }
  }

  /** It gives all back. */
  empty(): void {
    rmSync(join(this.path, FILLER), { force: true });
  }

  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** To be called when nobody uses it any more. */
  async unmount(): Promise<void> {
    mount('umount', this.path);
    await rm(this.path, { recursive: true });
  }
}

function writeWhileThereIsRoom(file: number, piece: Buffer): void {
  for (;;)
    try {
      if (writeSync(file, piece) < piece.length) return;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
      throw error;
    }
}
