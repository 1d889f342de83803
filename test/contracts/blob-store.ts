import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { FirmwireError } from '../../core/errors.js';
import type { BlobStore } from '../../core/ports.js';
import { type Opened, range } from './harness.js';

export const BYTES = Buffer.from(range(1000).map((n) => n % 251));
export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const SHA256 = sha256Of(BYTES);
/** What may be held in memory. */
export const CACHE = 4 * BYTES.length;
export const HOUR_MS = 60 * 60 * 1000;
export const NO_LIMIT = 1e9;
export const nobody = async () => false;

const MD5 = createHash('md5').update(BYTES).digest('hex');
const inPieces = () => Readable.from([BYTES.subarray(0, 3), BYTES.subarray(3, 100), BYTES.subarray(100)]);

export const codeOf = (error: unknown) => (error instanceof FirmwireError ? error.code : error);

export async function readAll(source: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function keepIn(store: BlobStore, bytes: Uint8Array = BYTES) {
  const blob = await store.stage(bytes, NO_LIMIT, 0);
  await blob.keep();
  await blob.discard();
  return blob;
}

/** A store of bytes that holds at most CACHE of them in memory; `other` may be the same. */
export interface OpenedBlobs extends Opened<BlobStore> {
  /** The digests of all bytes that are kept. */
  kept(): Promise<string[]>;
  /** Names of what was staged through `store` and is still there. */
  staged(): Promise<string[]>;
  /** Makes bytes look kept so long ago. */
  age(sha256: string, ms: number): Promise<void>;
}

/** What every store of firmware bytes does. */
export function describeBlobStore(name: string, open: () => Promise<OpenedBlobs>): void {
  describe(`blobs: ${name}`, () => {
    let opened: OpenedBlobs;
    let blobs: BlobStore;
    let other: BlobStore;
    beforeEach(async () => {
      opened = await open();
      blobs = opened.store;
      other = opened.other;
    });
    afterEach(() => opened.close());

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
        expect(await opened.staged()).to.deep.equal([]);
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
        expect(await opened.staged()).to.deep.equal([]);
      });

      it('makes nothing available before it is kept', async () => {
        const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
        expect(await blobs.cached(SHA256, BYTES.length).catch(codeOf)).to.equal('firmware_not_found');
        await blob.discard();
        await blob.discard();
        expect([await opened.staged(), await opened.kept()]).to.deep.equal([[], []]);
      });
    });

    describe('keep', () => {
      it('makes the bytes available under their digest, also to another node', async () => {
        const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
        await blob.keep();
        expect(await blob.read()).to.deep.equal(BYTES);
        await blob.keep();
        await blob.discard();
        expect(await blob.read()).to.deep.equal(BYTES);
        expect([await opened.staged(), await opened.kept()]).to.deep.equal([[], [SHA256]]);
        expect(await other.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
        expect(await readAll(other.open(SHA256, 0, BYTES.length))).to.deep.equal(BYTES);
      });

      it('keeps the same bytes twice, at once and one after the other', async () => {
        const both = await Promise.all([
          blobs.stage(BYTES, NO_LIMIT, 0),
          other.stage(inPieces(), NO_LIMIT, 0),
          blobs.stage(inPieces(), NO_LIMIT, 0),
        ]);
        await Promise.all(both.map((blob) => blob.keep()));
        await keepIn(blobs);
        await keepIn(other);
        expect(await opened.kept()).to.deep.equal([SHA256]);
        expect(await readAll(blobs.open(SHA256, 0, BYTES.length))).to.deep.equal(BYTES);
      });

      it('brings bytes back that were removed while they were staged anew', async () => {
        for (const node of [blobs, other]) {
          await keepIn(blobs);
          const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
          await node.remove(SHA256);
          await blob.keep();
          expect(await opened.kept()).to.deep.equal([SHA256]);
          expect(await blobs.cached(SHA256, BYTES.length)).to.deep.equal(BYTES);
        }
      });
    });

    describe('open', () => {
      it('reads from start to end, end exclusive', async () => {
        await keepIn(blobs);
        for (const node of [blobs, other])
          for (const [start, end] of [
            [0, 1000],
            [0, 1],
            [999, 1000],
            [200, 700],
            [5, 5],
          ] as const)
            expect(await readAll(node.open(SHA256, start, end))).to.deep.equal(BYTES.subarray(start, end));
      });

      it('emits an error if there are no such bytes, and reads no other file', async () => {
        const failed = await readAll(blobs.open(SHA256, 0, 10)).catch((error) => error.code);
        expect(failed).to.be.oneOf(['ENOENT', 'firmware_not_found']);
        expect(() => blobs.open('../secret', 0, 10)).to.throw('Not a SHA-256');
        const unknown = await blobs.cached('../secret', 10).catch((error: Error) => error.message);
        expect(unknown).to.match(/Not a SHA-256/);
      });

      it('goes on reading what is removed meanwhile', async () => {
        await keepIn(blobs);
        const source = blobs.open(SHA256, 0, BYTES.length);
        await new Promise((resolve) => source.once('readable', resolve));
        await blobs.remove(SHA256);
        expect(await readAll(source)).to.deep.equal(BYTES);
        expect(await opened.kept()).to.deep.equal([]);
      });
    });

    describe('cached', () => {
      it('gives all that ask at once the same bytes', async () => {
        await keepIn(other);
        const first = await Promise.all(range(10).map(() => blobs.cached(SHA256, BYTES.length)));
        expect(new Set(first).size).to.equal(1);
        expect(await blobs.cached(SHA256, BYTES.length)).to.equal(first[0]);
      });

      it('holds nothing larger than a quarter of the cache', async () => {
        await keepIn(blobs);
        expect(await blobs.cached(SHA256, CACHE / 4 + 1)).to.equal(undefined);
      });

      it('forgets what is removed', async () => {
        await keepIn(blobs);
        await blobs.cached(SHA256, BYTES.length);
        await blobs.remove(SHA256);
        await blobs.remove(SHA256);
        expect(await blobs.cached(SHA256, BYTES.length).catch(codeOf)).to.equal('firmware_not_found');
      });
    });

    describe('clean', () => {
      it('removes bytes that nothing uses', async () => {
        const used = await keepIn(blobs, Buffer.from('used'));
        await keepIn(blobs);
        for (const sha256 of [used.sha256, SHA256]) await opened.age(sha256, HOUR_MS + 2000);
        expect(await other.clean(async (sha256) => sha256 === used.sha256)).to.equal(1);
        expect(await opened.kept()).to.deep.equal([used.sha256]);
      });

      it('spares bytes kept within the last hour: their record may be on its way', async () => {
        await keepIn(blobs);
        await opened.age(SHA256, HOUR_MS - 60_000);
        expect(await other.clean(nobody)).to.equal(0);
        await opened.age(SHA256, HOUR_MS + 2000);
        await keepIn(blobs);
        expect(await other.clean(nobody)).to.equal(0);
        expect(await opened.kept()).to.deep.equal([SHA256]);
      });

      it('spares bytes that are kept again while it asks whether they are used', async () => {
        for (const node of [blobs, other]) {
          await keepIn(blobs);
          await opened.age(SHA256, HOUR_MS + 2000);
          const blob = await blobs.stage(BYTES, NO_LIMIT, 0);
          let keeping: Promise<void> | undefined;
          await node.clean(async () => {
            keeping = blob.keep();
            // Another node does not wait for this one.
            if (node !== blobs) await keeping;
            return false;
          });
          await keeping;
          expect(await opened.kept()).to.deep.equal([SHA256]);
        }
      });
    });
  });
}
