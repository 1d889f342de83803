import { setTimeout as delay } from 'node:timers/promises';
import type { FuzzCase } from './case.js';
import { Chance } from './chance.js';
import { httpCase } from './generate/http.js';
import { jsonCase } from './generate/json.js';
import { mqttCase } from './generate/mqtt.js';
import { play, wrongAnswer } from './play.js';
import { probe } from './probe.js';
import { Target } from './target.js';
import { coreTime } from './waiting.js';

export const KINDS = { mqtt: mqttCase, http: httpCase, json: jsonCase } as const;
export type Kind = keyof typeof KINDS;

/** Connections at the same time. */
const AT_A_TIME = 8;
/** So many cases share a token. */
const RENEWED_AFTER = 200;
const PROBED_EVERY_MS = 500;
/** A device in the field has given up by then (issue: a probe slower than this is a finding). */
export const SLOWEST_PROBE_MS = 1000;
/** Cases before a finding that may have to do with it. */
const REMEMBERED = 400;
/** The share of the time after which the server is warm: what it holds then is what it may hold. */
const WARM_SHARE = 0.25;
/** What it may hold more at the end: its caches are bounded, and not all of them are full by then. */
export const GROWTH_BYTES = 32 * 2 ** 20;
/** Failures are counted for a minute; then what was counted is gone. */
const SETTLED_MS = 75_000;

/** The case with this number in a run; the same for a seed. */
export const caseOf = (kind: Kind, seed: string, number: number): FuzzCase =>
  KINDS[kind](new Chance(`${seed}/${kind}/${number}`));

/** What a run has come to. */
export interface Outcome {
  readonly cases: number;
  readonly probes: readonly number[];
  /** What the server held once it was warm, and at the end; bytes. */
  readonly memory: readonly [warm: number, end: number];
  /** What was found, in a sentence; undefined: nothing. */
  readonly found: string | undefined;
  /** What was done before, the oldest first. */
  readonly before: readonly FuzzCase[];
}

/** Keeps a server of its own busy until something is found or the time is over. */
export async function run(kind: Kind, seed: string, seconds: number): Promise<Outcome> {
  const target = await Target.start();
  try {
    return await busy(target, kind, seed, seconds);
  } finally {
    await target.stop();
  }
}

async function busy(target: Target, kind: Kind, seed: string, seconds: number): Promise<Outcome> {
  const begun = performance.now();
  const end = begun + seconds * 1000;
  const before: FuzzCase[] = [];
  const probes: number[] = [];
  let cases = 0;
  const goesOn = (): boolean => target.wrong.length === 0 && performance.now() < end;

  async function work(): Promise<void> {
    while (goesOn()) {
      const number = cases++;
      if (number % RENEWED_AFTER === 0) await target.world.renew();
      const one = caseOf(kind, seed, number);
      before.push(one);
      if (before.length > REMEMBERED) before.shift();
      const wrong = wrongAnswer(one.door, await play(one, target));
      if (wrong !== undefined) target.wrong.push(wrong);
    }
  }

  async function watch(): Promise<void> {
    while (goesOn()) {
      const { ms, slow } = await probed(target);
      probes.push(ms);
      if (slow !== undefined) target.wrong.push(slow);
      await delay(PROBED_EVERY_MS);
    }
  }

  let warm = 0;
  async function weigh(): Promise<void> {
    while (goesOn() && performance.now() < begun + (end - begun) * WARM_SHARE) await delay(PROBED_EVERY_MS);
    if (goesOn()) warm = await target.memory();
  }

  await Promise.all([...Array.from({ length: AT_A_TIME }, work), watch(), weigh()]);
  const last = target.wrong.length === 0 ? await settled(target, warm) : 0;
  if (last > warm + GROWTH_BYTES) target.wrong.push(`the server held ${last - warm} bytes more at the end`);
  return { cases, probes, memory: [warm, last], found: target.wrong[0], before };
}

/** How long a check-in takes; `slow` says what it took if that is too much, other programs' part in it not counted. */
async function probed(target: Target): Promise<{ ms: number; slow: string | undefined }> {
  const look = () => [coreTime(target.pid), coreTime('self')] as const;
  const [serverBefore, ownBefore] = look();
  const ms = await probe(target, target.credentials);
  const [server, own] = look();
  const waited = server.waited - serverBefore.waited + own.waited - ownBefore.waited;
  const worked = server.worked - serverBefore.worked;
  const told = [ms, worked, waited].map(Math.round);
  const slow = `a check-in took ${told[0]} ms, of which the server worked ${told[1]} ms, and ${told[2]} ms passed waiting for a core`;
  return { ms, slow: ms - waited > SLOWEST_PROBE_MS ? slow : undefined };
}

/** What the server holds once it has let go of what it need not hold, or has had the time for it. */
async function settled(target: Target, warm: number): Promise<number> {
  const until = performance.now() + SETTLED_MS;
  let held = await target.memory();
  while (held > warm + GROWTH_BYTES && performance.now() < until) {
    await delay(PROBED_EVERY_MS);
    held = await target.memory();
  }
  return held;
}

/** Does these one after the other on a server of its own. What went wrong then; undefined: nothing. */
export async function replay(cases: readonly FuzzCase[]): Promise<string | undefined> {
  const target = await Target.start();
  try {
    for (const one of cases) {
      const wrong = wrongAnswer(one.door, await play(one, target));
      if (wrong !== undefined) return wrong;
    }
    return (await probed(target)).slow ?? target.wrong[0];
  } finally {
    await target.stop();
  }
}
