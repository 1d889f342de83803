import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 as digestOf } from '../../../core/account.js';
import { madeUpImage } from '../../simulator/made-up-image.js';
import type { Bench } from '../bench.js';
import { FIRMWIRE, type Goal, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { NginxServer } from '../peers/nginx.js';
import { NodeHttpServer } from '../peers/node-http.js';
import { type HttpLoad, type HttpPeer, WINDOW, watched, withPeer } from './http-round.js';

const KIB = 1024;
const VERSION = '1.1.0';
/** Fetched first, so that the code is warm and the file in memory: V8 compiles for that long. */
const WARM = 1000;
/** Tokens that are tried once more after the measurement. */
const SPENT = 10;

interface Download {
  readonly bytes: number;
  readonly count: number;
}

const imageOf = ({ bytes }: Download): Buffer => madeUpImage(bytes, VERSION);

async function downloads(
  { bytes, count }: Download,
  sha256: string,
  path: string | undefined,
  peer: HttpPeer,
  load: HttpLoad,
): Promise<Sample> {
  const what = { path, window: WINDOW, bytes, sha256 };
  await load.call('download', { ...what, count: WARM });
  const work = await watched(peer, load, () => load.call('download', { ...what, count }));
  const total = bytes * count;
  return {
    'MB/s': total / 1e6 / (work.spanMs / 1000),
    'CPU ms/GB': work.cpuMs / (total / 1e9),
    'p99 ms': work.timing.p99,
    'load core busy': work.loadBusy,
  };
}

const ownRound = (bench: Bench, download: Download, env: Readonly<Record<string, string>>): Promise<Sample> =>
  withPeer(bench, FirmwireServer.start(bench, { env }), async (server, load) => {
    await server.publish(VERSION, download.bytes);
    await load.call('checkIns', 0, WARM + download.count, WINDOW);
    const sample = await downloads(download, digestOf(imageOf(download)), undefined, server, load);
    await load.call('expectSpent', WARM, SPENT);
    return sample;
  });

const nginxRound = (bench: Bench, download: Download): Promise<Sample> => {
  const image = imageOf(download);
  return withPeer(bench, NginxServer.start(bench, image), (server, load) =>
    downloads(download, digestOf(image), '/image.bin', server, load),
  );
};

async function nodeRound(bench: Bench, download: Download, kind: 'buffer' | 'stream'): Promise<Sample> {
  const folder = await bench.newFolder('node');
  try {
    const file = join(folder, 'image.bin');
    const image = imageOf(download);
    await writeFile(file, image);
    return await withPeer(bench, NodeHttpServer.start(bench, kind, file), (server, load) =>
      downloads(download, digestOf(image), '/', server, load),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function scenario(
  name: string,
  what: string,
  download: Download,
  env: Readonly<Record<string, string>>,
  goals: readonly Goal[],
): Scenario {
  return {
    name,
    what: `${download.count} downloads of ${download.bytes / KIB} KiB, ${WINDOW} at a time, each with its own token${what}`,
    contenders: [
      { name: FIRMWIRE, round: (bench) => ownRound(bench, download, env) },
      { name: 'nginx', round: (bench) => nginxRound(bench, download) },
      { name: 'node-http', round: (bench) => nodeRound(bench, download, 'buffer') },
      { name: 'node-stream', round: (bench) => nodeRound(bench, download, 'stream') },
    ],
    goals,
  };
}

const fromMemory = (name: string, kib: number, count: number): Scenario =>
  scenario(`download-${name}`, '', { bytes: kib * KIB, count }, {}, [
    { figure: 'MB/s', against: 'nginx', atLeast: 1 },
    { figure: 'CPU ms/GB', against: 'node-http', atMost: 1.3 },
    { figure: 'p99 ms', against: 'nginx', atMost: 3 },
  ]);

/** Many downloads at once of what is held in memory, and of what is read from disk for each. */
export const DOWNLOADS: readonly Scenario[] = [
  fromMemory('512k', 512, 3000),
  fromMemory('1m', 1024, 1500),
  fromMemory('4m', 4096, 400),
  scenario(
    'download-streamed-1m',
    ', from disk',
    { bytes: 1024 * KIB, count: 1000 },
    { FIRMWIRE_DOWNLOADS_CACHE_BYTES: '0' },
    [{ figure: 'CPU ms/GB', against: 'node-http', atMost: 2 }],
  ),
];
