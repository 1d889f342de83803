import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { openBlobs } from '../../broker/storage/blobs.js';
import { openEmbedded } from '../../broker/storage/embedded/index.js';
import { acceptEmptied, openRedis, type RedisStores } from '../../broker/storage/redis/index.js';
import type { LinkOptions } from '../../broker/storage/redis/link.js';
import { sha256 } from '../../core/account.js';
import type { BlobStore, StoreEntry, Stores } from '../../core/ports.js';
import { writeBackup } from '../../scripts/backup/backup.js';
import { check, readBack } from '../../scripts/backup/restore.js';
import { aFirmware, OWNER } from '../support/builders.js';
import { quick, until } from '../support/redis-link.js';
import { RedisServer } from '../support/redis-server.js';
import { EVERYTHING, entriesOf, sorted } from './archive.js';
import { collect } from './harness.js';

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error);

describe('redis: a restore, and the nodes that know the store', () => {
  let server: RedisServer;
  const opened: { close(): Promise<void> }[] = [];
  before(async () => {
    server = await RedisServer.start();
  });
  afterEach(async () => {
    for (const { close } of opened.splice(0)) await close();
    await server.command('FLUSHALL');
  });
  after(() => server.dispose());

  async function open(change: Partial<LinkOptions> = {}, toRestore = false): Promise<RedisStores> {
    const stores = await openRedis(quick(server, change), toRestore);
    opened.push(stores);
    return stores;
  }

  const devicesOf = async (stores: Stores) =>
    (await collect(stores.devices.all(OWNER))).map(({ udid }) => udid);

  it('nodes that know an emptied store recover by themselves once it has been restored, and not before', async () => {
    const node = await open();
    await node.archive.import('the-store', entriesOf(EVERYTHING));
    const known = await open({ known: 'the-store' });
    const before = await devicesOf(known);
    const entries = await collect(node.archive.export());
    await server.command('FLUSHALL');
    await until(known.link, 'emptied');

    const restoring = await open({}, true);
    const states: string[] = [];
    known.link.onState((state) => states.push(state));
    let seen = 0;
    const slowly = async function* (): AsyncIterable<StoreEntry> {
      for (const entry of entries) {
        yield entry;
        // As long as two heartbeats: whoever would take it for the store would have done so.
        seen += 1;
        if (seen === 5) await delay(100);
        expect(known.link.state).to.equal('emptied');
      }
    };
    await restoring.archive.import('the-store', slowly());
    await until(known.link, 'open');
    expect(states).to.deep.equal(['open']);
    expect(await devicesOf(known)).to.deep.equal(before);
  });

  it('nodes of a store that is replaced are refused meanwhile, and go on with the restored one', async () => {
    const remembered: string[] = [];
    const first = await open();
    await first.accounts.createOwner({ id: OWNER, name: 'old', createdAt: 1 });
    const node = await open({ known: first.link.id, remember: (id) => void remembered.push(id) });
    const restoring = await open({}, true);
    await restoring.archive.clear();
    expect(
      await node.accounts.createOwner({ id: 'b'.repeat(64), name: 'x', createdAt: 1 }).catch(codeOf),
    ).to.equal('store_emptied');
    await restoring.archive.import('from-elsewhere', entriesOf(EVERYTHING));
    await until(node.link, 'open');
    expect(node.link.id).to.equal('from-elsewhere');
    expect(remembered.at(-1)).to.equal('from-elsewhere');
    expect(await devicesOf(node)).to.have.length(2);
  });

  it('a restore that broke off lets no node start and nobody accept it, until it is repeated', async () => {
    const known = (await open()).link.id;
    const restoring = await open({}, true);
    const broken = async function* (): AsyncIterable<StoreEntry> {
      yield* EVERYTHING;
      throw new Error('no more');
    };
    await restoring.archive.import('never', broken()).catch(() => undefined);
    expect(await open().catch(codeOf)).to.equal('store_restoring');
    expect(await acceptEmptied(quick(server), known).catch(codeOf)).to.equal('store_restoring');
    const later = await open({ known });
    expect(later.link.state).to.equal('emptied');
    const again = await open({}, true);
    await again.archive.clear();
    await again.archive.import('whole', entriesOf(EVERYTHING));
    await until(later.link, 'open');
    expect(sorted(await collect((await open()).archive.export()))).to.deep.equal(sorted(EVERYTHING));
    // The process of before, if it still lives, writes nothing any more.
    expect(await restoring.tokens.kill('x').catch(codeOf)).to.equal('store_emptied');
  });

  it('leaves alone what is not ours', async () => {
    const store = await open({}, true);
    await server.command('SET', 'theirs:owner:1', 'x');
    expect(await store.archive.isEmpty()).to.equal(true);
    await store.archive.import('id', entriesOf(EVERYTHING));
    await store.archive.clear();
    expect(await store.archive.isEmpty()).to.equal(true);
    expect(await server.command('KEYS', '*')).to.have.members(['firmwire', 'theirs:owner:1']);
  });

  it('every token has a time to live again', async () => {
    const store = await open({}, true);
    await store.archive.import('id', entriesOf(EVERYTHING));
    const keys = (await server.command('KEYS', 'ott*:*')) as string[];
    expect(keys).to.have.length(5);
    for (const key of keys) expect(await server.command('PTTL', key)).to.be.within(1, 26 * 3_600_000);
  });

  it('moves from embedded to Redis and back through files, record by record and byte by byte', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'firmwire-move-'));
    try {
      const contents = [Buffer.alloc(300_000, 7), Buffer.from('small'), Buffer.alloc(1_000_000, 'x')];
      const [large, small, theirs] = contents.map((bytes) => ({ sha256: sha256(bytes), size: bytes.length }));
      const firmware = [
        aFirmware(large),
        aFirmware({ ...small, id: 'one', version: '1.2.0' }),
        aFirmware({ ...theirs, id: 'theirs', version: '1.3.0' }),
        aFirmware({ ...large, id: 'same-bytes', version: '1.4.0' }),
      ].map((value) => ({ kind: 'firmware', value }) as const);
      const entries = [...EVERYTHING.filter(({ kind }) => kind !== 'firmware'), ...firmware];

      const withBlobs = async (stores: Stores, kind: string) => {
        opened.push(stores);
        return { stores, kind, blobs: await openBlobs(join(folder, `${kind}-bytes`), 0, 0) };
      };
      const first = await withBlobs(await openEmbedded(join(folder, 'first')), 'first');
      const redis = { ...(await withBlobs(await openRedis(quick(server), true), 'redis')) };
      const last = await withBlobs(await openEmbedded(join(folder, 'last')), 'last');
      for (const bytes of contents) await (await first.blobs.stage(bytes, bytes.length, 0)).keep();
      await first.stores.archive.import('moved', entriesOf(entries));

      const options = { version: '0.1.0', now: 1, signal: new AbortController().signal };
      for (const [from, to] of [
        [first, redis],
        [redis, last],
      ] as const) {
        const path = join(folder, `${from.kind}.tar.gz`);
        await writeBackup(from, path, options);
        await readBack(await check(path), to);
        expect(sorted(await collect(to.stores.archive.export()))).to.deep.equal(sorted(entries));
        expect(await to.stores.archive.id()).to.equal('moved');
        for (const bytes of contents)
          expect(Buffer.compare(await bytesOf(to.blobs, bytes), bytes), `${bytes.length} bytes`).to.equal(0);
      }
    } finally {
      for (const { close } of opened.splice(0)) await close();
      await rm(folder, { recursive: true });
    }
  });
});

const bytesOf = async (blobs: BlobStore, bytes: Buffer): Promise<Buffer> =>
  Buffer.concat(await collect<Buffer>(blobs.open(sha256(bytes), 0, bytes.length)));
