import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { openBlobs } from '../../broker/storage/blobs.js';
import { FirmwireError } from '../../core/errors.js';
import type { BlobStore } from '../../core/ports.js';
import { range } from './harness.js';

const BYTES = Buffer.from(range(1000).map((n) => n % 251));
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const MD5 = createHash('md5').update(BYTES).digest('hex');
const CACHE = 4 * BYTES.length;
const HOUR_MS = 60 * 60 * 1000;
const NO_LIMIT = 1e9;
const nobody = async () => false;

const inPieces = () => Readable.from([BYTES.subarray(0, 3), BYTES.subarray(3, 100), BYTES.subarray(100)]);
const codeOf = (error: unknown) => (error instanceof FirmwireError ? error.code : error);

async function readAll(source: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('blobs', () => {
  let dir: string;
  let blobs: BlobStore;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-blobs-'));
    blobs = await openBlobs(join(dir, 'blobs'), CACHE);
  });
  afterEach(() => rm(dir, { recursive: true }));

  const at = (...names: string[]) => join(dir, 'blobs', ...names);
  const staged = () => readdir(at('staging'));
  const kept = async () => (await readdir(at())).filter((name) => name !== 'staging');
  const keep = async (bytes: Uint8Array = BYTES) => {
    const blob = await blobs.stage(bytes, NO_LIMIT, 0);
    await blob.keep();
    return blob;
  };
  const age = async (path: string, ms: number) => {
    const then = new Date(Date.now() - ms);
    await utimes(path, then, then);
  };

  describe('stage', () => {
    it('tells size, digests and first bytes of a stream and of bytes', async () => {
      for (const source of [inPieces(), BYTES]) {
        const blob = await blobs.stage(source, BYTES.length, 10);
        expect(blob).to.include({ size: BYTES.length, sha256: SHA256, md5: MD5 });
        expect(Buffer.from(blob.head)).to.deep.equal(BYTES.subarray(0, 10));
        expect(await blob.read()).to.deep.equal(BYTES);
      }
    });

    it('tells all bytes as the first ones if there are no more, and takes none', async () => {
      expect(Buffer.from((await blobs.stage(inPieces(), NO_LIMIT, 5000)).head)).to.deep.equal(BYTES);
      expect(await blobs.stage(Readable.from([]), 0, 10)).to.include({ size: 0 });
    });

    it('stops past the limit, leaves nothing behind and does not destroy the source', async () => {
      const source = inPieces();
      for (const tooMuch of [source, BYTES]) {
        const error = await blobs.stage(tooMuch, 99, 10).catch(codeOf);
        expect(error).to.equal('image_too_large');
      }
      expect(await staged()).to.deep.equal([]);
      expect(source.destroyed).to.equal(false);
    });

    it('fails as its source fails and leaves nothing behind', async () => {
      const broken = new Error('connection lost');
      const source = Readable.from(
        (async function* () {
          yield BYTES;
          throw broken;
        })(),
      );
      expect(await blobs.stage(source, NO_LIMIT, 10).catch((error) => error)).to.equal(broken);
      expect(await staged()).to.deep.equal([]);
    });

    it('makes nothing available before it is kept', async () => {
      const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
      expect(await blobs.cached(SHA256, BYTES.length).catch(codeOf)).to.equal('firmware_not_found');
      await blob.discard();
      await blob.discard();
      expect([await staged(), await kept()]).to.deep.equal([[], []]);
    });
  });

  describe('keep', () => {
    it('makes the bytes available under their digest, also after a restart', async () => {
      const blob = await keep();
      await blob.keep();
      await blob.discard();
      expect(await blob.read()).to.deep.equal(BYTES);
      expect([await staged(), await kept()]).to.deep.equal([[], [SHA256]]);
      const again = await openBlobs(at(), CACHE);
      expect(await again.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
    });

    it('keeps the same bytes twice, at once and one after the other', async () => {
      const both = await Promise.all([blobs.stage(BYTES, NO_LIMIT, 0), blobs.stage(inPieces(), NO_LIMIT, 0)]);
      await Promise.all(both.map((blob) => blob.keep()));
      await keep();
      expect(await kept()).to.deep.equal([SHA256]);
      expect(await readAll(blobs.open(SHA256, 0, BYTES.length))).to.deep.equal(BYTES);
    });

    it('brings bytes back that were removed while they were staged anew', async () => {
      await keep();
      const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
      await blobs.remove(SHA256);
      await blob.keep();
      expect(await blobs.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
    });
  });

  describe('open', () => {
    it('reads from start to end, end exclusive', async () => {
      await keep();
      for (const [start, end] of [
        [0, 1000],
        [0, 1],
        [999, 1000],
        [200, 700],
        [5, 5],
      ] as const)
        expect(await readAll(blobs.open(SHA256, start, end))).to.deep.equal(BYTES.subarray(start, end));
    });

    it('emits an error if there are no such bytes, and reads no other file', async () => {
      const failed = await readAll(blobs.open(SHA256, 0, 10)).catch((error) => error.code);
      expect(failed).to.equal('ENOENT');
      expect(() => blobs.open('../secret', 0, 10)).to.throw('Not a SHA-256');
    });

    it('goes on reading what is removed meanwhile', async () => {
      await keep();
      const source = blobs.open(SHA256, 0, BYTES.length);
      await new Promise((resolve) => source.once('open', resolve));
      await blobs.remove(SHA256);
      expect(await readAll(source)).to.deep.equal(BYTES);
      expect(await kept()).to.deep.equal([]);
    });
  });

  describe('cached', () => {
    it('reads a file once, however many ask', async () => {
      await keep();
      const first = await Promise.all(range(10).map(() => blobs.cached(SHA256, BYTES.length)));
      expect(new Set(first).size).to.equal(1);
      await rm(at(SHA256));
      expect(await blobs.cached(SHA256, BYTES.length)).to.equal(first[0]);
    });

    it('holds nothing larger than a quarter of the cache', async () => {
      await keep();
      expect(await blobs.cached(SHA256, CACHE / 4 + 1)).to.equal(undefined);
      const none = await openBlobs(at(), 0);
      expect(await none.cached(SHA256, BYTES.length)).to.equal(undefined);
    });

    it('forgets first what was used least recently, once more would be held than fits', async () => {
      const several = await Promise.all(range(5).map((n) => keep(Buffer.alloc(BYTES.length, n))));
      const ask = (n: number) => blobs.cached(several[n]?.sha256 ?? '', BYTES.length);
      const first = await ask(0);
      for (const n of [1, 2, 3, 0, 4]) await ask(n);
      expect(await ask(0)).to.equal(first);
      await Promise.all(several.map(({ sha256 }) => rm(at(sha256))));
      const held = await Promise.all(range(5).map((n) => ask(n).then(Boolean, () => false)));
      expect(held).to.deep.equal([true, false, true, true, true]);
    });

    it('forgets what is removed', async () => {
      await keep();
      await blobs.cached(SHA256, BYTES.length);
      await blobs.remove(SHA256);
      await blobs.remove(SHA256);
      expect(await blobs.cached(SHA256, BYTES.length).catch(codeOf)).to.equal('firmware_not_found');
    });

    it('hands out nothing that is damaged', async () => {
      await keep();
      await writeFile(at(SHA256), Buffer.alloc(BYTES.length));
      const failed = await blobs.cached(SHA256, BYTES.length).catch((error: Error) => error.message);
      expect(failed).to.match(/is damaged/);
    });
  });

  describe('clean', () => {
    it('removes bytes that nothing uses, and leaves all else', async () => {
      const used = await keep(Buffer.from('used'));
      await keep();
      await writeFile(at('README'), 'not ours');
      for (const name of [used.sha256, SHA256, 'README']) await age(at(name), HOUR_MS + 1);
      expect(await blobs.clean(async (sha256) => sha256 === used.sha256)).to.equal(1);
      expect((await kept()).sort()).to.deep.equal([used.sha256, 'README'].sort());
    });

    it('spares bytes kept within the last hour: their record may be on its way', async () => {
      await keep();
      await age(at(SHA256), HOUR_MS - 60_000);
      expect(await blobs.clean(nobody)).to.equal(0);
      await age(at(SHA256), HOUR_MS + 1);
      await keep();
      expect(await blobs.clean(nobody)).to.equal(0);
      expect(await readFile(at(SHA256))).to.deep.equal(BYTES);
    });

    it('spares bytes that were staged long ago and kept just now', async () => {
      const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
      const [name = ''] = await staged();
      await age(at('staging', name), HOUR_MS + 1);
      await blob.keep();
      expect(await blobs.clean(nobody)).to.equal(0);
    });

    it('spares bytes that are kept again while it asks whether they are used', async () => {
      await keep();
      await age(at(SHA256), HOUR_MS + 1);
      const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
      let keeping: Promise<void> | undefined;
      await blobs.clean(async () => {
        keeping = blob.keep();
        return false;
      });
      await keeping;
      expect(await readFile(at(SHA256))).to.deep.equal(BYTES);
    });

    it('removes what a process that died had staged, but neither its own nor a young one', async () => {
      const mine = await blobs.stage(BYTES, NO_LIMIT, 0);
      const [own = ''] = await staged();
      await writeFile(at('staging', 'dead'), 'x');
      await writeFile(at('staging', 'young'), 'x');
      for (const name of [own, 'dead']) await age(at('staging', name), HOUR_MS + 1);
      expect(await blobs.clean(nobody)).to.equal(1);
      expect((await staged()).sort()).to.deep.equal([own, 'young'].sort());
      await mine.keep();
      expect(await blobs.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
    });
  });
});
