import { mkdir, mkdtemp, open as openFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { open } from 'lmdb';
import { Environment } from '../../broker/storage/embedded/environment.js';
import { openEmbedded } from '../../broker/storage/embedded/index.js';
import { aDevice, OWNER, UDID } from '../support/builders.js';
import { aDecision, aRollout } from '../support/rollouts.js';
import { collect, plain, range } from './harness.js';

describe('embedded: opening and closing', () => {
  let root: string;
  let dir: string;
  let file: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'firmwire-open-'));
    dir = join(root, 'made', 'in.between');
    file = join(dir, 'data.mdb');
  });
  afterEach(() => rm(root, { recursive: true }));

  const filled = async () => {
    const stores = await openEmbedded(dir);
    await stores.devices.create(aDevice());
    await stores.close();
  };
  const refusal = async (): Promise<string> => {
    const stores = await openEmbedded(dir).catch((error: Error) => error);
    if (stores instanceof Error) return stores.message;
    await stores.close();
    return 'opened';
  };

  it('makes the directory and has everything after it was closed and opened again', async () => {
    await filled();
    const stores = await openEmbedded(dir);
    expect(plain(await stores.devices.get(UDID))).to.deep.equal(plain(aDevice()));
    await stores.close();
  });

  it('has rollouts and their log after it was closed and opened again', async () => {
    const stores = await openEmbedded(dir);
    await stores.rollouts.put(aRollout(), [aDecision()]);
    await stores.close();
    const again = await openEmbedded(dir);
    expect(plain(await again.rollouts.live())).to.deep.equal(plain([aRollout()]));
    await again.rollouts.note([aDecision({ what: 'begun' })]);
    const { items } = await again.rollouts.log(OWNER, 10);
    expect(items.map(({ what }) => what)).to.deep.equal(['created', 'begun']);
    await again.close();
  });

  it('takes rollouts into a store that was made before there were any', async () => {
    await filled();
    const tables = ['rollouts', 'rollouts-by-owner', 'rollouts-live', 'rollout-log'];
    const old = open({ path: dir, noSubdir: false });
    for (const table of tables) await old.openDB({ name: table }).drop();
    expect(Array.from(old.getKeys(), String).filter((name) => tables.includes(name))).to.deep.equal([]);
    await old.close();
    const stores = await openEmbedded(dir);
    expect(await stores.rollouts.put(aRollout(), [aDecision()])).to.equal(true);
    expect(await stores.rollouts.live()).to.have.length(1);
    expect(await stores.devices.get(UDID)).to.not.equal(undefined);
    await stores.close();
  });

  it('closes after what was begun, and may be closed again', async () => {
    const stores = await openEmbedded(dir);
    const creating = Promise.all(
      range(200).map((n) => stores.devices.create(aDevice({ udid: `${UDID.slice(0, -4)}${n + 1000}` }))),
    );
    await Promise.all([stores.close(), stores.close()]);
    expect((await creating).every(Boolean)).to.equal(true);
    const again = await openEmbedded(dir);
    expect(await collect(again.devices.all(OWNER))).to.have.length(200);
    await again.close();
  });

  it('refuses reads and writes once closed', async () => {
    const stores = await openEmbedded(dir);
    await stores.close();
    for (const use of [
      () => stores.devices.get(UDID),
      () => stores.devices.create(aDevice()),
      () => stores.devices.list(OWNER, 1),
      () => stores.tokens.kill(UDID),
      async () => stores.retained.get('/'),
      async () => [...stores.retained.withPrefix('/')],
    ])
      expect(await use().catch((error: Error) => error.message)).to.equal('The store is closed.');
  });

  it('writes all of a step or nothing', async () => {
    const environment = await Environment.open(dir, (made) => made);
    const table = environment.table<string>('steps');
    const step = environment.write(() => {
      table.put('first', 'written');
      throw new Error('half way');
    });
    expect(await step.catch((error: Error) => error.message)).to.equal('half way');
    expect(table.get('first')).to.equal(undefined);
    await environment.write(() => table.put('second', 'written'));
    expect(table.get('second')).to.equal('written');
    await environment.close();
  });

  it('grows far beyond what it reserved at first', async () => {
    const environment = await Environment.open(dir, (made) => made, undefined, 2 ** 20);
    const table = environment.table<string>('large');
    const text = 'x'.repeat(100_000);
    for (const n of range(20))
      await environment.write(() => range(10).forEach((m) => void table.put(`${n}-${m}`, text)));
    for (const n of range(20)) expect(table.get(`${n}-9`)).to.equal(text);
    await environment.close();
  });

  for (const [what, bytes] of [
    ['text', Buffer.from('hello')],
    ['a SQLite database', Buffer.from(`SQLite format 3\0${'x'.repeat(50_000)}`)],
    ['zeros', Buffer.alloc(100_000)],
  ] as const)
    it(`refuses ${what} instead of a database`, async () => {
      await mkdir(dir, { recursive: true });
      await writeFile(file, bytes);
      expect(await refusal()).to.match(/data\.mdb is not an LMDB database/);
    });

  it('refuses a database that was emptied or cut off', async () => {
    await filled();
    await truncate(file, 5000);
    expect(await refusal()).to.match(/was cut off/);
    await truncate(file, 0);
    expect(await refusal()).to.match(/is empty/);
  });

  it('refuses a database whose pages were overwritten', async () => {
    await filled();
    const handle = await openFile(file, 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - 8192), 0, undefined, 8192);
    await handle.close();
    expect(await refusal()).to.match(/damaged/);
  });

  it('refuses the LMDB database of another program and leaves it as it was', async () => {
    const theirs = open({ path: dir, noSubdir: false });
    await theirs.openDB({ name: 'theirs' }).put('a', 1);
    await theirs.close();
    expect(await refusal()).to.match(/another program/);
    const again = open({ path: dir, noSubdir: false });
    expect([...again.getKeys()].map(String)).to.deep.equal(['theirs']);
    await again.close();
  });

  it('refuses what a newer version has written', async () => {
    const environment = await Environment.open(dir, (made) => made);
    const format = environment.table('format');
    await environment.write(() => format.put('format', { name: 'firmwire', version: 2 }));
    await environment.close();
    expect(await refusal()).to.match(/newer version of Firmwire \(format 2\)/);
  });
});
