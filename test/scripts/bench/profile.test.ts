import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Profiler } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeShares, readShares, sharesOf } from '../../../scripts/bench/profile.js';

/** Where each sample was, 1 ms each, from 1 s on. */
const SAMPLES: readonly [functionName: string, url: string][] = [
  ['(idle)', ''],
  ['(garbage collector)', ''],
  ['(program)', ''],
  ['writev', ''],
  ['emit', 'node:events'],
  ['put', 'file:///x/node_modules/lmdb/write.js'],
  ['enqueue', 'file:///x/node_modules/aedes/lib/client.js'],
  ['parse', '/x/node_modules/mqtt-packet/parser.js'],
  ['lookup', '/x/node_modules/find-my-way/index.js'],
  ['route', '/x/node_modules/@fastify/static/index.js'],
  ['log', '/x/node_modules/pino/pino.js'],
  ['put', 'file:///x/dist/broker/storage/embedded/table.js'],
  ['#offer', 'file:///x/dist/core/services/desk.js'],
  ['say', 'file:///x/dist/plugins/availability.js'],
  ['send', 'file:///x/dist/broker/session.js'],
  ['redeem', 'file:///x/dist/http-fallback/device/transmitter.js'],
  ['now', 'file:///x/dist/scripts/server/system-clock.js'],
  // LMDB's own, and JSON's on behalf of our store.
  ['getString', ''],
  ['stringify', ''],
  ['(idle)', ''],
];

/** What calls what that is not called by the event loop: by place in the samples. */
const CALLED: Readonly<Record<number, number[]>> = { 4: [3], 5: [17], 11: [18] };

const frame = (functionName: string, url: string) => ({
  functionName,
  url,
  scriptId: '0',
  lineNumber: 0,
  columnNumber: 0,
});

const PROFILE: Profiler.Profile = {
  nodes: [
    {
      id: 100,
      callFrame: frame('(root)', ''),
      children: SAMPLES.map((_, i) => i).filter((i) => !Object.values(CALLED).flat().includes(i)),
    },
    ...SAMPLES.map(([functionName, url], id) => ({
      id,
      callFrame: frame(functionName, url),
      children: CALLED[id] ?? [],
    })),
  ],
  startTime: 1_000_000,
  endTime: 1_000_000 + SAMPLES.length * 1000,
  samples: SAMPLES.map((_, i) => i),
  timeDeltas: SAMPLES.map(() => 1000),
};

describe('bench: a profile', () => {
  it('says whose code the time went to, without the time in which there was nothing to do', () => {
    const shares = sharesOf(PROFILE);
    expect(new Map(shares.map(([part, percent]) => [part, Math.round((percent * 18) / 100)]))).to.deep.equal(
      new Map([
        ['Aedes', 2],
        ['Fastify', 2],
        ['our broker and plugins', 2],
        ['collection of garbage', 1],
        ['outside JavaScript', 1],
        ['native calls of Node', 1],
        ["Node's own JavaScript", 1],
        ['LMDB and its cache', 2],
        ['other libraries', 1],
        ['our store', 2],
        ['our domain', 1],
        ['our HTTP side', 1],
        ['our assembly', 1],
      ]),
    );
  });

  it('says it of the time that was measured', () => {
    // Samples stand at the end of what they count.
    expect(sharesOf(PROFILE, [1005.5, 1007])).to.deep.equal([
      ['LMDB and its cache', 50],
      ['Aedes', 50],
    ]);
    expect(sharesOf(PROFILE, [5, 6])).to.deep.equal([]);
  });

  it('is described with the largest share first, and without crumbs', () => {
    const described = describeShares([
      ['Aedes', 98.6],
      ['our store', 1],
      ['Fastify', 0.4],
    ]);
    expect(described).to.equal('Aedes 99 %, our store 1 %');
  });

  it('is found by the process that left it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'profiles-'));
    try {
      const older = { ...PROFILE, samples: [] };
      for (const [name, profile] of [
        ['CPU.20260101.000000.123.0.001.cpuprofile', older],
        ['CPU.20260101.000001.123.0.001.cpuprofile', PROFILE],
        // Of another process, at a time that looks like ours.
        ['CPU.20260102.123.45.0.001.cpuprofile', older],
      ] as const)
        await writeFile(join(folder, name), JSON.stringify(profile));
      expect(await readShares(folder, 123, undefined)).to.deep.equal(sharesOf(PROFILE));
      const failure = await readShares(folder, 12, undefined).catch((error: Error) => error.message);
      expect(failure).to.equal(`Process 12 has left no profile in ${folder}.`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
