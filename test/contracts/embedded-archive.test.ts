import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { open as openLmdb } from 'lmdb';
import { type EmbeddedStores, openEmbedded } from '../../broker/storage/embedded/index.js';
import type { StoreEntry } from '../../core/ports.js';
import { EVERYTHING, entriesOf, sorted } from './archive.js';
import { collect } from './harness.js';

const CHILD = fileURLToPath(new URL('./embedded-child.js', import.meta.url));

describe('embedded: a store and its id, and a restore that breaks off', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-archive-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function withStores<T>(use: (stores: EmbeddedStores) => Promise<T>, toRestore = false): Promise<T> {
    const stores = await openEmbedded(dir, toRestore);
    try {
      return await use(stores);
    } finally {
      await stores.close();
    }
  }

  const refusal = () =>
    openEmbedded(dir).then(
      async (stores) => {
        await stores.close();
        return 'opened';
      },
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );

  /** Another restore makes it whole. */
  async function repeat(): Promise<void> {
    await withStores(async ({ archive }) => {
      await archive.clear();
      await archive.import('whole', entriesOf(EVERYTHING));
    }, true);
    expect(await refusal()).to.equal('opened');
    const [id, entries] = await withStores(async ({ archive }) => [
      await archive.id(),
      await collect(archive.export()),
    ]);
    expect(id).to.equal('whole');
    expect(sorted(entries)).to.deep.equal(sorted(EVERYTHING));
  }

  it('keeps its id from one opening to the next', async () => {
    const first = await withStores(({ archive }) => archive.id());
    expect(await withStores(({ archive }) => archive.id())).to.equal(first);
  });

  it('gives an id to a store that was made without one', async () => {
    await withStores(({ archive }) => archive.import('lost', entriesOf(EVERYTHING)));
    const root = openLmdb({ path: dir, noSubdir: false });
    await root.openDB<string, string>('format', { encoding: 'string' }).remove('store');
    await root.close();
    const id = await withStores(({ archive }) => archive.id());
    expect(id).to.match(/^[0-9a-f-]{36}$/);
    expect(await withStores(({ archive }) => archive.id())).to.equal(id);
    expect(sorted(await withStores(({ archive }) => collect(archive.export())))).to.deep.equal(
      sorted(EVERYTHING),
    );
  });

  it('refuses to open after an import that failed, until another one has ended', async () => {
    const broken = async function* (): AsyncIterable<StoreEntry> {
      yield* EVERYTHING;
      throw new Error('no more');
    };
    await withStores(({ archive }) => archive.import('id', broken()).catch(() => undefined));
    expect(await refusal()).to.equal('store_restoring');
    await repeat();
  });

  it('refuses to open between clearing and the end of an import', async () => {
    await withStores(({ archive }) => archive.import('id', entriesOf(EVERYTHING)));
    await withStores(({ archive }) => archive.clear());
    expect(await refusal()).to.equal('store_restoring');
    await repeat();
  });

  it('refuses to open after its process was killed in the middle of an import', async () => {
    const child = fork(CHILD, [dir, 'import']);
    await once(child, 'message');
    child.send('go');
    // The child tells after how many records it is; there is no end to them.
    for (let read = 0; read < 3000; ) [read] = await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await refusal()).to.equal('store_restoring');
    const found = await withStores(({ archive }) => archive.isEmpty(), true);
    expect(found, 'something had been written').to.equal(false);
    await repeat();
  });
});
