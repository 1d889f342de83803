import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { allowedCores, pinned } from '../../scripts/bench/machine.js';
import { SCENARIOS } from '../../scripts/bench/scenarios/index.js';

const PROGRAM = fileURLToPath(new URL('../../scripts/bench/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function ended(command: readonly string[], env = process.env): Promise<Ended> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, out, err };
}

const bench = (...args: readonly string[]): Promise<Ended> => ended([process.execPath, PROGRAM, ...args]);

const childrenOf = async (pid: number): Promise<number[]> =>
  (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean).map(Number);

/** False of a zombie, too: somebody else has to reap that. */
const isAlive = async (pid: number): Promise<boolean> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) !== '';

describe('npm run bench', () => {
  it('lists its scenarios', async () => {
    const { code, out, err } = await bench('--list');
    expect([code, err]).to.deep.equal([0, '']);
    const names = out.split('\n').map((line) => line.split(' ')[0]);
    expect(names).to.deep.equal([...SCENARIOS.map(({ name }) => name), '']);
  });

  it('refuses a scenario that it does not have, even beside one that it has', async () => {
    expect(await bench('push', 'nonsense')).to.deep.equal({
      code: 1,
      out: '',
      err: 'bench: No scenario is called nonsense; see --list.\n',
    });
  });

  it('refuses a machine with one core', async () => {
    const [file, args] = pinned(allowedCores()[0] ?? 0, [process.execPath, PROGRAM, 'start']);
    expect(await ended([file, ...args])).to.deep.equal({
      code: 1,
      out: '',
      err: 'bench: The bench needs two cores, one for the server and one for the load; there is one.\n',
    });
  });

  it('refuses a machine without taskset', async () => {
    const env = { PATH: '/nowhere' };
    expect(await ended([process.execPath, PROGRAM, 'start'], env)).to.deep.equal({
      code: 1,
      out: '',
      err: 'bench: The bench needs taskset: install util-linux.\n',
    });
  });

  it('ends without a word when nobody reads any more', async () => {
    const child = spawn(process.execPath, [PROGRAM, '--list'], { stdio: ['ignore', 'pipe', 'pipe'] });
    // Closed long before the program has loaded, so that its first write meets a broken pipe.
    child.stdout.destroy();
    const closed = once(child, 'close');
    expect([await text(child.stderr), ...(await closed)]).to.deep.equal(['', 0, null]);
  });

  // Where there is one core, it does not come as far as this.
  if (allowedCores().length > 1)
    describe('that is interrupted', () => {
      let folder: string;
      let child: ChildProcess;
      beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), 'firmwire-e2e-bench-'));
      });
      afterEach(async () => {
        child.kill('SIGKILL');
        await rm(folder, { recursive: true, force: true });
      });

      for (const [signal, expected] of [
        ['SIGINT', 130],
        ['SIGTERM', 143],
      ] as const)
        it(`by ${signal} leaves no process and no folder behind`, async () => {
          // Needs no peer until the product has had its round.
          child = spawn(process.execPath, [PROGRAM, 'http-check-in'], {
            env: { ...process.env, TMPDIR: folder },
            stdio: ['ignore', 'ignore', 'pipe'],
          });
          const pid = child.pid ?? 0;
          const closed = once(child, 'close');
          if (!child.stderr) throw new Error('no stderr');
          const errors = text(child.stderr);
          let started: number[] = [];
          // The server and its load.
          while (started.length < 2) {
            await delay(20);
            started = await childrenOf(pid);
          }
          expect(await readdir(folder)).to.have.length(1);
          child.kill(signal);
          expect(await closed).to.deep.equal([expected, null]);
          expect(await errors).to.equal('');
          expect(await readdir(folder)).to.deep.equal([]);
          // They have been killed; dying takes a moment.
          for (const each of started) while (await isAlive(each)) await delay(5);
        });
    });
});
