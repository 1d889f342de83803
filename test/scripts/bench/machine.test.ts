import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Bench } from '../../../scripts/bench/bench.js';
import {
  allowedCores,
  calibrate,
  cpuMs,
  nowMs,
  pinned,
  readCores,
  rssBytes,
} from '../../../scripts/bench/machine.js';
import { ServerProcess } from '../../../scripts/bench/server-process.js';
import { newBench } from './harness.js';

const MIB = 1024 * 1024;

describe('bench: machine', () => {
  let bench: Bench;
  before(() => {
    bench = newBench();
  });
  after(() => bench.close());

  const running = (script: string): Promise<ServerProcess> =>
    ServerProcess.start(bench, { command: [process.execPath, '-e', script], ready: /^ready$/ });

  it('counts the CPU time of a process that is busy, and none while it sleeps', async () => {
    const busy = await running("console.log('ready'); for (;;);");
    const idle = await running("setInterval(() => {}, 1e6); setTimeout(() => console.log('ready'), 200)");
    const [before, beforeIdle] = [cpuMs(busy.pid), cpuMs(idle.pid)];
    await delay(500);
    expect(cpuMs(busy.pid) - before).to.be.greaterThan(100);
    expect(cpuMs(idle.pid) - beforeIdle).to.be.lessThan(100);
    await Promise.all([busy.kill(), idle.kill()]);
  });

  it('counts the CPU time of its children, too', async () => {
    const busy = "process.stdout.write('ready\\n'); for (;;);";
    const parent = await running(
      `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(busy)}], { stdio: 'inherit' });
       process.on('SIGTERM', () => {})`,
    );
    const [child] = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').split(' ');
    const before = cpuMs(parent.pid);
    await delay(500);
    expect(cpuMs(parent.pid) - before).to.be.greaterThan(100);
    process.kill(Number(child), 'SIGKILL');
    await parent.kill();
  });

  it('counts resident memory in bytes', async () => {
    const small = await running("setInterval(() => {}, 1e6); console.log('ready')");
    const large = await running(
      `globalThis.held = Buffer.alloc(${64 * MIB}, 1); setInterval(() => {}, 1e6); console.log('ready')`,
    );
    expect(rssBytes(small.pid)).to.be.within(10 * MIB, 200 * MIB);
    expect(rssBytes(large.pid) - rssBytes(small.pid)).to.be.within(48 * MIB, 96 * MIB);
    await Promise.all([small.kill(), large.kill()]);
  });

  it('pins a command to one core', async () => {
    const [core = 0] = allowedCores().slice(-1);
    const [file, args] = pinned(core, ['echo', 'a b']);
    expect([file, ...args]).to.deep.equal(['taskset', '--cpu-list', String(core), 'echo', 'a b']);
  });

  for (const [list, cores] of [
    ['0', [0]],
    ['0-3', [0, 1, 2, 3]],
    ['2-3,7,9-10', [2, 3, 7, 9, 10]],
  ] as const)
    it(`reads the list of cores ${list}`, () => {
      expect(readCores(list)).to.deep.equal(cores);
    });

  it('knows on which cores it may run', () => {
    expect(allowedCores()).to.have.length.greaterThan(0);
  });

  it('has a clock in milliseconds', async () => {
    const before = nowMs();
    await delay(50);
    expect(nowMs() - before).to.be.within(45, 5000);
  });

  it('calibrates with work that takes a while', () => {
    expect(calibrate()).to.be.greaterThan(1);
  });
});
