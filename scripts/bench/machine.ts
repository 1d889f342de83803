import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';

/** Which core the server has to itself, and which the load. */
export interface Cores {
  readonly server: number;
  readonly load: number;
}

/** The numbers in a list as the kernel writes it: `0-2,5`. */
export const readCores = (list: string): number[] =>
  list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });

/** The cores on which this process may run: a container may not have the first ones. */
export const allowedCores = (): number[] =>
  readCores(/^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0');

/** Clock ticks per second in which /proc counts CPU time (proc(5)). */
const TICKS = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;

/** After the command's name, which may hold blanks, come the fields from the third on (proc(5)). */
const statFields = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');

function childrenOf(pid: number): number[] {
  const lists = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '),
  );
  return lists.flat().filter(Boolean).map(Number);
}

const family = (pid: number): number[] => [pid, ...childrenOf(pid)];

/** User and system time of a process and its children so far, ms. */
export function cpuMs(pid: number): number {
  const ticks = family(pid).map((each) => {
    const [user, system] = statFields(each).slice(11, 13);
    return Number(user) + Number(system);
  });
  return (ticks.reduce((sum, each) => sum + each, 0) * 1000) / TICKS;
}

/** Resident memory of a process and its children, bytes. */
export function rssBytes(pid: number): number {
  const sizes = family(pid).map((each) =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? 0),
  );
  return sizes.reduce((sum, each) => sum + each, 0) * 1024;
}

/** Milliseconds on a clock that all processes of this machine share (CLOCK_MONOTONIC). */
export const nowMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

/** Wraps a command so that it runs on one core only. */
export const pinned = (core: number, command: readonly string[]): [string, string[]] => [
  'taskset',
  ['--cpu-list', String(core), ...command],
];

/** What the hypervisor took for others so far, and all time so far; in ticks over all cores (proc(5), /proc/stat). */
export function stolen(): { readonly steal: number; readonly all: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const times = line.split(/\s+/).slice(1, 9).map(Number);
  return { steal: times[7] ?? 0, all: times.reduce((sum, each) => sum + each, 0) };
}

/** How long a fixed piece of work takes, ms: the same each time on a quiet machine. */
export function calibrate(): number {
  const begun = performance.now();
  let value = 1;
  for (let i = 0; i < 30_000_000; i++) value = (value * 1_103_515_245 + 12_345) & 0x7fffffff;
  return value === -1 ? 0 : performance.now() - begun;
}

export const machineName = (): string => `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`;
