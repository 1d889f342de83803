import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { StoreFailure } from '../../broker/storage/s3/index.js';
import type { BlobStore } from '../../core/ports.js';
import { S3Server } from '../support/s3-server.js';
import { BYTES, codeOf, keepIn, nobody, readAll, SHA256, sha256Of } from './blob-store.js';
import { S3Nodes } from './s3-nodes.js';

const SECRET = 'wJalrXUtnFEMI/K7MDENG';
const IMPATIENT = { patience: { connectMs: 300, silentMs: 300, answerMs: 600 } };
const whole = (blobs: BlobStore) => readAll(blobs.open(SHA256, 0, BYTES.length));
const cached = (blobs: BlobStore) => blobs.cached(SHA256, BYTES.length);

describe('S3: failures', () => {
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
  /** What the log was told, as a file of it would show it. */
  const told = () =>
    nodes.log.lines.map(({ facts, message }) => `${message}: ${(facts['err'] as Error).message}`).join('\n');

  it('says so at once while the store is away, serves what it has, and recovers by itself', async () => {
    const [a, b] = [await nodes.blobs('a'), await nodes.blobs('b')];
    await keepIn(a);
    const other = Buffer.from('other');
    const blob = await a.stage(other, 100, 0);
    await s3.stop();
    const since = performance.now();
    const failing = [blob.keep(), whole(b), cached(b), a.clean(nobody)];
    const codes = await Promise.all(failing.map((promise) => (promise as Promise<unknown>).catch(codeOf)));
    expect(codes).to.deep.equal(failing.map(() => 'store_unavailable'));
    expect(performance.now() - since).to.be.lessThan(2000);
    expect(await whole(a)).to.deep.equal(BYTES);
    expect(await cached(a)).to.deep.equal(BYTES);
    await b.remove(SHA256);
    expect(told().split('\n')).to.have.length(2);
    expect(told()).to.match(/cannot be reached: S3 bucket "firmware" at http:\S+: ECONNREFUSED/);

    await s3.run();
    await blob.keep();
    expect((await s3.keys(nodes.prefix)).sort()).to.deep.equal([SHA256, sha256Of(other)].sort());
    expect(await whole(b)).to.deep.equal(BYTES);
    expect(await cached(b)).to.deep.equal(BYTES);
  });

  it('hands out and keeps nothing that is damaged in the store', async () => {
    await keepIn(await nodes.blobs('a'));
    await writeFile(s3.path(key(SHA256)), Buffer.alloc(BYTES.length));
    const message = (error: Error) => error.message;
    for (const [name, options] of [
      ['b', {}],
      ['c', { diskBytes: 0 }],
    ] as const) {
      const node = await nodes.blobs(name, options);
      expect(await cached(node).catch(message)).to.match(/is damaged/);
      if (name === 'b') expect(await whole(node).catch(message)).to.match(/is damaged/);
      expect(await nodes.bytes(name)).to.equal(0);
    }
  });

  describe('what it is refused', () => {
    for (const [what, options, reason] of [
      [
        'a key pair that is wrong',
        { accessKeyId: 'AKIAWRONG', secretAccessKey: SECRET },
        /InvalidAccessKeyId, 403/,
      ],
      ['a bucket that is not there', { bucket: 'nowhere', secretAccessKey: SECRET }, /NoSuchBucket, 404/],
    ] as const)
      it(`${what}: says so, and shows no secret`, async () => {
        const { blobs, check } = await nodes.store('a', options);
        const failure = await check().catch((error: unknown) => error);
        if (!(failure instanceof StoreFailure)) throw new Error('it was not refused');
        expect(failure.refused).to.equal(true);
        expect(failure.message).to.match(reason).and.to.include('at http://127.0.0.1:');
        const blob = await blobs.stage(BYTES, BYTES.length, 0);
        const error = (await blob.keep().catch((error: unknown) => error)) as Error;
        expect(codeOf(error)).to.equal('store_unavailable');
        expect(codeOf(await whole(blobs).catch((error) => error))).to.equal('store_unavailable');
        const shown = [failure, error, error.cause].map((shown) => `${JSON.stringify(shown)} ${shown}`);
        expect([told(), ...shown].join()).not.to.include(SECRET);
        expect(JSON.stringify(nodes.log.lines)).not.to.include(SECRET);
      });

    it('nothing if all is well', async () => {
      await (await nodes.store('a')).check();
    });

    it('and tells a store that is away from one that refuses', async () => {
      const { check } = await nodes.store('a', { endpoint: 'http://127.0.0.1:1' });
      const failure = await check().catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(StoreFailure).and.to.include({ refused: false });
    });
  });

  describe('a store that', () => {
    let server: Server;
    let answer: (request: IncomingMessage, response: ServerResponse) => void;
    let requests: string[];
    let node: BlobStore;
    beforeEach(async () => {
      requests = [];
      server = createServer((request, response) => {
        requests.push(`${request.method} ${request.url}`);
        answer(request, response);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      node = await nodes.blobs('a', { endpoint: `http://127.0.0.1:${port}`, ...IMPATIENT });
    });
    afterEach(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    for (const [what, behave] of [
      ['never answers', () => {}],
      [
        'stops in the middle',
        (_, response) => response.writeHead(200, headers()).write(BYTES.subarray(0, 10)),
      ],
      [
        'breaks off in the middle',
        (_, response) => {
          response.writeHead(200, headers()).write(BYTES.subarray(0, 10));
          response.on('drain', () => {});
          setImmediate(() => response.destroy());
        },
      ],
      [
        'gives a byte now and then',
        (_, response) => {
          response.writeHead(200, headers());
          const drip = setInterval(() => response.write('x'), 50);
          response.on('close', () => clearInterval(drip));
        },
      ],
      ['has trouble of its own', (_, response) => response.writeHead(503).end()],
    ] satisfies [string, (request: IncomingMessage, response: ServerResponse) => void][])
      it(`${what} is away, and leaves nothing behind`, async () => {
        answer = behave;
        const since = performance.now();
        expect(await whole(node).catch(codeOf)).to.equal('store_unavailable');
        expect(await cached(node).catch(codeOf)).to.equal('store_unavailable');
        expect(performance.now() - since).to.be.lessThan(2500);
        expect(await nodes.bytes('a')).to.equal(0);
      });

    it('closes a connection under an upload gets it once more', async () => {
      let puts = 0;
      answer = (request, response) => {
        if (request.method === 'HEAD') return void response.writeHead(404).end();
        puts += 1;
        if (puts === 1) return void response.destroy();
        request.resume().on('end', () => response.writeHead(200).end());
      };
      await keepIn(node);
      expect(puts).to.equal(2);
    });

    it('refuses an upload is not asked again', async () => {
      answer = (request, response) => {
        request.resume().on('end', () => response.writeHead(request.method === 'HEAD' ? 404 : 403).end());
      };
      const blob = await node.stage(BYTES, BYTES.length, 0);
      expect(await blob.keep().catch(codeOf)).to.equal('store_unavailable');
      expect(requests.filter((line) => line.startsWith('PUT'))).to.have.length(1);
    });

    it('ignores ranges is not believed', async () => {
      answer = (_, response) => response.writeHead(200, headers()).end(BYTES);
      const small = await nodes.blobs('b', { endpoint: endpointOf(server), diskBytes: 0, ...IMPATIENT });
      expect(await readAll(small.open(SHA256, 5, 10)).catch(codeOf)).to.equal('store_unavailable');
    });

    // s3rver cannot page: it makes its tokens with a cipher that OpenSSL 3 no longer has.
    it('lists in pages is read to the end', async () => {
      const names = ['one', 'two', 'three'].map((text) => sha256Of(Buffer.from(text)));
      answer = ({ method, url = '' }, response) => {
        if (method === 'HEAD') return void response.writeHead(200, { 'Last-Modified': LONG_AGO }).end();
        if (method === 'DELETE') return void response.writeHead(204).end();
        const page = Number(/continuation-token=(\d)/.exec(url)?.[1] ?? 0);
        const next = page < 2 ? `<NextContinuationToken>${page + 1}</NextContinuationToken>` : '';
        const entry = (name: string) =>
          `<Contents><Key>${nodes.prefix}${name}</Key><Size>9</Size><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>`;
        const entries = entry(names[page] ?? '') + entry('README');
        response.end(
          `<?xml version="1.0"?><ListBucketResult><IsTruncated>${page < 2}</IsTruncated>${next}${entries}</ListBucketResult>`,
        );
      };
      const asked: string[] = [];
      const removed = await node.clean(async (sha256) => {
        asked.push(sha256);
        return sha256 === names[1];
      });
      expect([asked, removed]).to.deep.equal([names, 2]);
      const deleted = requests.filter((line) => line.startsWith('DELETE'));
      expect(deleted.map((line) => /[0-9a-f]{64}/.exec(line)?.[0])).to.deep.equal([names[0], names[2]]);
    });
  });
});

const LONG_AGO = new Date(0).toUTCString();
const headers = () => ({ 'Content-Length': BYTES.length });
const endpointOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
