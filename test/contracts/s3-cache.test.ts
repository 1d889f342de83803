import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { S3Server } from '../support/s3-server.js';
import { BYTES, codeOf, HOUR_MS, keepIn, readAll, SHA256, sha256Of } from './blob-store.js';
import { range } from './harness.js';
import { S3Nodes } from './s3-nodes.js';

const MIB = 1024 * 1024;

describe('S3: the cache on disk', () => {
  let s3: S3Server;
  let nodes: S3Nodes;
  let runs = 0;
  before(async () => {
    s3 = await S3Server.start();
  });
  after(() => s3.end());
  beforeEach(async () => {
    runs += 1;
    nodes = await S3Nodes.open(s3.where(`run${runs}/`));
  });
  afterEach(() => nodes.close());

  const key = (sha256: string) => nodes.prefix + sha256;
  const gets = (sha256 = SHA256) => s3.count('GET', key(sha256));
  const body = (n: number) => Buffer.alloc(3000, n);
  const read = async (store: Awaited<ReturnType<S3Nodes['blobs']>>, bytes: Buffer) =>
    expect(await readAll(store.open(sha256Of(bytes), 0, bytes.length))).to.deep.equal(bytes);

  it('fetches bytes once, however many ask, and never again', async () => {
    await keepIn(await nodes.blobs('a'));
    const b = await nodes.blobs('b');
    const cached = range(20).map(() => b.cached(SHA256, BYTES.length));
    const streamed = range(20).map(() => readAll(b.open(SHA256, 0, BYTES.length)));
    for (const bytes of await Promise.all([...cached, ...streamed])) expect(bytes).to.deep.equal(BYTES);
    await read(b, BYTES);
    expect(gets()).to.equal(1);
  });

  it('fetches nothing on the node that took the upload', async () => {
    const a = await nodes.blobs('a');
    await keepIn(a);
    await read(a, BYTES);
    expect([gets(), await nodes.cache('a')]).to.deep.equal([0, [SHA256]]);
  });

  it('never lets more lie on disk than it may; what was used least recently leaves first', async () => {
    const a = await nodes.blobs('a', { diskBytes: 0 });
    for (const n of range(5)) await keepIn(a, body(n));
    const b = await nodes.blobs('b', { diskBytes: 10_000 });
    for (const n of [0, 1, 2, 0, 3, 4]) {
      await read(b, body(n));
      expect(await nodes.bytes('b')).to.be.at.most(10_000);
    }
    expect((await nodes.cache('b')).sort()).to.deep.equal([0, 3, 4].map((n) => sha256Of(body(n))).sort());
    await Promise.all(range(5).map((n) => read(b, body(n))));
    expect(await nodes.bytes('b')).to.be.at.most(10_000);
    expect(await nodes.cache('a')).to.deep.equal([]);
  });

  it('goes on reading what is driven out meanwhile', async () => {
    const large = Buffer.alloc(MIB, 7);
    const a = await nodes.blobs('a', { diskBytes: MIB });
    await keepIn(a, large);
    const source = a.open(sha256Of(large), 0, large.length);
    await new Promise((resolve) => source.once('readable', resolve));
    await keepIn(a);
    expect(await nodes.cache('a')).to.deep.equal([SHA256]);
    expect(await readAll(source)).to.deep.equal(large);
  });

  it('is still there after a restart, in the order of use, and without what was being fetched', async () => {
    const before = await nodes.blobs('a');
    for (const n of range(3)) await keepIn(before, body(n));
    // Access times of one test would lie within the same tick of the file system.
    for (const [n, at] of [
      [0, 300],
      [1, 100],
      [2, 200],
    ] as const)
      await utimes(nodes.path('a', 'cache', sha256Of(body(n))), at, 1000);
    const half = nodes.path('a', 'staging', 'half-fetched');
    await writeFile(half, 'x');
    // The clock was set back meanwhile: nobody can say how old it is.
    const ahead = Date.now() / 1000 + 3600;
    await utimes(half, ahead, ahead);
    const after = await nodes.blobs('a', { diskBytes: 7000 });
    expect((await nodes.cache('a')).sort()).to.deep.equal([0, 2].map((n) => sha256Of(body(n))).sort());
    expect(await readdir(nodes.path('a', 'staging'))).to.deep.equal([]);
    await s3.stop();
    await read(after, body(0)).finally(() => s3.run());
  });

  it('notes when a file was used, for the next start', async () => {
    const a = await nodes.blobs('a');
    await keepIn(a);
    const path = nodes.path('a', 'cache', SHA256);
    await utimes(path, 100, 1000.5);
    await read(await nodes.blobs('a'), BYTES);
    expect((await stat(path)).atimeMs).to.be.greaterThan(Date.now() - HOUR_MS);
  });

  for (const [when, restart] of [
    ['before a restart', true],
    ['while it runs', false],
  ] as const)
    it(`fetches anew what was damaged ${when}`, async () => {
      const before = await nodes.blobs('a');
      await keepIn(before);
      const path = nodes.path('a', 'cache', SHA256);
      for (const [turn, damaged] of [Buffer.alloc(BYTES.length), BYTES.subarray(0, 10)].entries()) {
        await writeFile(path, damaged);
        await utimes(path, 1000 + turn, 1000 + turn);
        await read(restart ? await nodes.blobs('a') : before, BYTES);
        expect(gets()).to.equal(turn + 1);
        expect(await readFile(path)).to.deep.equal(BYTES);
      }
    });

  it('fetches anew what the disk lost without a sign', async () => {
    const a = await nodes.blobs('a');
    await keepIn(a);
    const path = nodes.path('a', 'cache', SHA256);
    const { atimeMs, mtimeMs } = await stat(path);
    await writeFile(path, Buffer.alloc(BYTES.length));
    await utimes(path, new Date(atimeMs), new Date(Math.floor(mtimeMs)));
    expect(await a.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
    await read(a, BYTES);
    expect(gets()).to.be.at.least(1);
  });

  it('keeps nothing of bytes that are removed while they are fetched', async () => {
    await keepIn(await nodes.blobs('a'));
    const b = await nodes.blobs('b');
    const asked = new Promise<void>((resolve) => {
      s3.onRequest = (method) => method === 'GET' && resolve();
    });
    const reading = readAll(b.open(SHA256, 0, BYTES.length)).catch(codeOf);
    await asked;
    s3.onRequest = () => {};
    await b.remove(SHA256);
    expect(await reading).to.satisfy(
      (end: unknown) => end === 'firmware_not_found' || BYTES.equals(end as Buffer),
    );
    expect(await nodes.bytes('b')).to.equal(0);
  });

  it('hands on what is larger than it, piece by piece', async () => {
    const large = Buffer.alloc(MIB + 5, 'firmware');
    const sha256 = sha256Of(large);
    const a = await nodes.blobs('a', { diskBytes: MIB });
    await keepIn(a, large);
    await read(a, large);
    expect(await readAll(a.open(sha256, 3, MIB + 4))).to.deep.equal(large.subarray(3, MIB + 4));
    expect(await readAll(a.open(sha256, 3, 10))).to.deep.equal(large.subarray(3, 10));
    expect(await nodes.bytes('a')).to.equal(0);
  });

  it('uploads the same bytes once, and again only when `clean` might be about to remove them', async () => {
    const [a, b] = [await nodes.blobs('a'), await nodes.blobs('b')];
    await keepIn(a);
    await keepIn(b);
    await s3.age(key(SHA256), HOUR_MS / 2 - 60_000);
    await keepIn(a);
    expect(s3.count('PUT', key(SHA256))).to.equal(1);
    await s3.age(key(SHA256), HOUR_MS / 2 + 60_000);
    await keepIn(a);
    expect(s3.count('PUT', key(SHA256))).to.equal(2);
    await writeFile(s3.path(key(SHA256)), 'half');
    await keepIn(b);
    expect(await readFile(s3.path(key(SHA256)))).to.deep.equal(BYTES);
  });

  it('lets the store compare what it receives with the digest', async () => {
    await keepIn(await nodes.blobs('a'));
    const put = s3.requests.findLastIndex((line) => line.startsWith('PUT'));
    expect(s3.signed[put]).to.equal(SHA256);
  });

  it('streams both ways: a large body is never in memory as a whole', async () => {
    const size = 128 * MIB;
    const chunk = Buffer.alloc(64 * 1024, 1);
    const start = process.memoryUsage().arrayBuffers;
    let most = start;
    const look = () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    };
    const source = Readable.from(
      (function* () {
        for (let sent = 0; sent < size; sent += chunk.length) yield chunk;
      })(),
    );
    const blob = await (await nodes.blobs('a', { diskBytes: 0 })).stage(source, size, 0);
    const watch = setInterval(look, 5);
    await blob.keep();
    await blob.discard();
    let got = 0;
    for await (const piece of (await nodes.blobs('b')).open(blob.sha256, 0, size)) got += piece.length;
    clearInterval(watch);
    expect([got, s3.count('PUT', key(blob.sha256)), gets(blob.sha256)]).to.deep.equal([size, 1, 1]);
    // What was read and is waiting to be collected counts, on both sides: the store's server runs in this process.
    expect((most - start) / MIB, 'MiB held').to.be.lessThan(64);
  });
});
