import { readdir, readFile } from 'node:fs/promises';
import type { Profiler } from 'node:inspector';
import { join } from 'node:path';

/** From when to when, ms of `nowMs`. */
export type Span = readonly [from: number, to: number];

/** What share of the main thread's busy time each part took, percent; the largest first. */
export type Shares = readonly (readonly [part: string, percent: number])[];

/** V8's own names for what it was doing when it was in no function. */
const STATES: Readonly<Record<string, string>> = {
  '(idle)': '',
  '(garbage collector)': 'collection of garbage',
  '(program)': 'outside JavaScript',
  '(root)': 'outside JavaScript',
};

const NATIVE = 'native calls of Node';
const OTHER = 'other libraries';

/** The first that the address of a script matches tells whose it is. */
const OWNERS: readonly (readonly [RegExp, string])[] = [
  [/^node:/, "Node's own JavaScript"],
  [/\/node_modules\/(lmdb|ordered-binary|msgpackr|weak-lru-cache|lru-cache)\//, 'LMDB and its cache'],
  [
    /\/node_modules\/((aedes|mqemitter)[^/]*|mqtt-packet|qlobber|bl|debug|fast(parallel|fall|q|seq)|reusify)\//,
    'Aedes',
  ],
  [/\/node_modules\/(@?fastify|find-my-way\/|avvio\/|ajv|fast-(json|uri|decode)|secure-json)/, 'Fastify'],
  [/\/node_modules\//, OTHER],
  [/\/dist\/broker\/storage\//, 'our store'],
  [/\/dist\/core\//, 'our domain'],
  [/\/dist\/(broker|plugins)\//, 'our broker and plugins'],
  [/\/dist\/http-fallback\//, 'our HTTP side'],
  [/\/dist\/scripts\//, 'our assembly'],
];

const ownerOf = (url: string): string => OWNERS.find(([address]) => address.test(url))?.[1] ?? OTHER;

/** The part of each node. What is native belongs to whoever calls it, so LMDB's to LMDB; Node's own stands apart. */
function partsOf(nodes: readonly Profiler.ProfileNode[]): ReadonlyMap<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parts = new Map<number, string>();
  const visit = (node: Profiler.ProfileNode, caller: string): void => {
    const { functionName, url } = node.callFrame;
    parts.set(node.id, url === '' ? (STATES[functionName] ?? caller) : ownerOf(url));
    const called = url === '' ? caller : url.startsWith('node:') ? NATIVE : ownerOf(url);
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child) visit(child, called);
    }
  };
  const [root] = nodes;
  if (root) visit(root, NATIVE);
  return parts;
}

/**
 * Sums up a CPU profile of V8, which knows the main thread only: not the threads in which V8 compiles and collects
 * garbage, and LMDB waits for the disk.
 * @param span what to look at; absent: all of it
 */
export function sharesOf(profile: Profiler.Profile, span?: Span): Shares {
  const parts = partsOf(profile.nodes);
  const [from, to] = span ?? [0, Number.POSITIVE_INFINITY];
  const times = new Map<string, number>();
  let busy = 0;
  let at = profile.startTime;
  for (const [i, id] of (profile.samples ?? []).entries()) {
    const delta = profile.timeDeltas?.[i] ?? 0;
    at += delta;
    const part = parts.get(id);
    if (!part || at < from * 1000 || at > to * 1000) continue;
    times.set(part, (times.get(part) ?? 0) + delta);
    busy += delta;
  }
  return [...times]
    .map(([part, time]) => [part, (100 * time) / busy] as const)
    .toSorted(([, a], [, b]) => b - a);
}

/** Reads the newest profile that such a process has left in a folder (`node --cpu-prof`). @throws Error if there is none */
export async function readShares(folder: string, pid: number, span: Span | undefined): Promise<Shares> {
  // CPU.<date>.<time>.<process>.<thread>.<number>.cpuprofile
  const name = (await readdir(folder)).toSorted().findLast((each) => each.split('.')[3] === `${pid}`);
  if (name === undefined) throw new Error(`Process ${pid} has left no profile in ${folder}.`);
  return sharesOf(JSON.parse(await readFile(join(folder, name), 'utf8')), span);
}

/** What counts, in one line. */
export const describeShares = (shares: Shares): string =>
  shares
    .filter(([, percent]) => percent >= 1)
    .map(([part, percent]) => `${part} ${percent.toFixed(0)} %`)
    .join(', ');
