import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openBlobs } from '../../broker/storage/blobs.js';
import type { BlobStore } from '../../core/ports.js';
import {
  BYTES,
  CACHE,
  codeOf,
  describeBlobStore,
  HOUR_MS,
  keepIn,
  NO_LIMIT,
  nobody,
  type OpenedBlobs,
  SHA256,
} from './blob-store.js';
import { range } from './harness.js';

async function age(path: string, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms);
  await utimes(path, then, then);
}

/** A directory of bytes, as one node has it to itself or several share it. */
const openDirectory = (nodes: 1 | 2) => async (): Promise<OpenedBlobs> => {
  const dir = await mkdtemp(join(tmpdir(), 'firmwire-blobs-'));
  const store = await openBlobs(dir, CACHE);
  return {
    store,
    other: nodes === 1 ? store : await openBlobs(dir, CACHE),
    kept: async () => (await readdir(dir)).filter((name) => name !== 'staging'),
    staged: () => readdir(join(dir, 'staging')),
    age: (sha256, ms) => age(join(dir, sha256), ms),
    close: () => rm(dir, { recursive: true }),
  };
};

describeBlobStore('a directory', openDirectory(1));
describeBlobStore('a directory that two nodes share', openDirectory(2));

describe('blobs in a directory', () => {
  let dir: string;
  let blobs: BlobStore;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-blobs-'));
    blobs = await openBlobs(join(dir, 'blobs'), CACHE);
  });
  afterEach(() => rm(dir, { recursive: true }));

  const at = (...names: string[]) => join(dir, 'blobs', ...names);
  const staged = () => readdir(at('staging'));
  const keep = (bytes?: Uint8Array) => keepIn(blobs, bytes);

  it('are there after a restart', async () => {
    await keep();
    const again = await openBlobs(at(), CACHE);
    expect(await again.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
  });

  describe('cached', () => {
    it('reads a file once, however many ask', async () => {
      await keep();
      const first = await Promise.all(range(10).map(() => blobs.cached(SHA256, BYTES.length)));
      await rm(at(SHA256));
      expect(await blobs.cached(SHA256, BYTES.length)).to.equal(first[0]);
    });

    it('holds nothing if it may not', async () => {
      await keep();
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

    it('hands out nothing that is damaged', async () => {
      await keep();
      await writeFile(at(SHA256), Buffer.alloc(BYTES.length));
      const failed = await blobs.cached(SHA256, BYTES.length).catch((error: Error) => error.message);
      expect(failed).to.match(/is damaged/);
    });

    it('says that bytes are gone if their file is', async () => {
      await keep();
      await rm(at(SHA256));
      expect(await blobs.cached(SHA256, BYTES.length).catch(codeOf)).to.equal('firmware_not_found');
    });
  });

  describe('clean', () => {
    it('leaves alone what is not ours', async () => {
      await writeFile(at('README'), 'not ours');
      await age(at('README'), HOUR_MS + 1);
      expect(await blobs.clean(nobody)).to.equal(0);
      expect(await readFile(at('README'), 'utf8')).to.equal('not ours');
    });

    it('spares bytes that were staged long ago and kept just now', async () => {
      const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
      const [name = ''] = await staged();
      await age(at('staging', name), HOUR_MS + 1);
      await blob.keep();
      expect(await blobs.clean(nobody)).to.equal(0);
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
