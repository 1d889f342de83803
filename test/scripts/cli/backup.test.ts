import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openBlobs } from '../../../broker/storage/blobs.js';
import { type EmbeddedStores, openEmbedded } from '../../../broker/storage/embedded/index.js';
import { sha256 } from '../../../core/account.js';
import type { StoreEntry } from '../../../core/ports.js';
import { EVERYTHING, entriesOf, sorted } from '../../contracts/archive.js';
import { collect } from '../../contracts/harness.js';
import { aFirmware } from '../../support/builders.js';
import { runFirmwire, spawnFirmwire } from './harness.js';

const IMAGE = Buffer.alloc(100_000, 'image');
const ENTRIES: readonly StoreEntry[] = [
  ...EVERYTHING.filter(({ kind }) => kind !== 'firmware'),
  { kind: 'firmware', value: aFirmware({ sha256: sha256(IMAGE), size: IMAGE.length }) },
];

describe('command line: backup and restore', () => {
  let folder: string;
  let from: string;
  let to: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firmwire-cli-'));
    from = join(folder, 'from');
    to = join(folder, 'to');
    file = join(folder, 'backup.tar.gz');
    await fill(from);
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function fill(data: string): Promise<void> {
    const blobs = await openBlobs(join(data, 'firmware'), 0);
    await (await blobs.stage(IMAGE, IMAGE.length, 0)).keep();
    await inStore(data, ({ archive }) => archive.import('the-store', entriesOf(ENTRIES)));
  }

  async function inStore<T>(data: string, use: (stores: EmbeddedStores) => Promise<T>): Promise<T> {
    const stores = await openEmbedded(join(data, 'store'));
    return use(stores).finally(() => stores.close());
  }

  const contents = (data: string) =>
    inStore(data, async ({ archive }) => sorted(await collect(archive.export())));
  const backup = (...more: string[]) => runFirmwire(['backup', file, '--data', from, ...more]);
  const restore = (...more: string[]) => runFirmwire(['restore', file, '--data', to, ...more]);
  const failed = (outcome: { exitCode: number | null; out: string; err: string }, said: RegExp) => {
    expect([outcome.exitCode, outcome.out]).to.deep.equal([1, '']);
    expect(outcome.err)
      .to.match(said)
      .and.to.match(/^firmwire: [^\n]+\n$/);
  };

  it('moves everything to another folder, and says how much and how fast', async () => {
    const done = await backup();
    expect([done.exitCode, done.err]).to.deep.equal([0, '']);
    const what =
      '2 owners, 3 keys, 3 devices, 1 firmware, 3 signing keys, 3 tokens, 2 retained messages; \\S+/backup.tar.gz has \\d KiB; \\d+\\.\\d s';
    expect(done.out).to.match(new RegExp(`^Backed up ${what}\\.\n$`));
    expect((await stat(file)).mode & 0o777).to.equal(0o600);

    const restored = await restore();
    expect([restored.exitCode, restored.err]).to.deep.equal([0, '']);
    expect(restored.out).to.match(
      new RegExp(`^Restored ${what}\\.\nNo backup holds the keys .*credentials.json\n$`),
    );
    expect(await contents(to)).to.deep.equal(sorted(ENTRIES));
    expect(await inStore(to, ({ archive }) => archive.id())).to.equal('the-store');
    expect((await readFile(join(to, 'firmware', sha256(IMAGE)))).equals(IMAGE)).to.equal(true);
    expect((await stat(to)).mode & 0o777).to.equal(0o700);
  });

  it('says the same to a program, and nothing of credentials that are there', async () => {
    const counts = {
      owners: 2,
      keys: 3,
      devices: 3,
      histories: 2,
      firmware: 1,
      signers: 3,
      tokens: 3,
      retained: 2,
    };
    await mkdir(to);
    await writeFile(join(to, 'credentials.json'), '{}');
    for (const { out, exitCode } of [await backup('--json'), await restore('--json')]) {
      expect(exitCode).to.equal(0);
      const { seconds, bytes, ...said } = JSON.parse(out);
      expect(said).to.deep.equal({ file, ...counts });
      expect([typeof seconds, bytes]).to.deep.equal(['number', (await stat(file)).size]);
    }
    expect((await restore('--force')).out).to.match(/^Restored [^\n]+\n$/);
  });

  it('is a program, too', async () => {
    const done = await spawnFirmwire(['backup', file], { FIRMWIRE_DATA: from });
    expect([done.exitCode, done.err]).to.deep.equal([0, '']);
  });

  it('replaces a file only with --force', async () => {
    await writeFile(file, 'precious');
    failed(await backup(), /backup\.tar\.gz is there already; --force replaces it/);
    expect(await readFile(file, 'utf8')).to.equal('precious');
    expect((await backup('--force')).exitCode).to.equal(0);
    expect((await readFile(file)).length).to.be.greaterThan(1000);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
  });

  it('restores into a store that is not empty only with --force, and then replaces everything', async () => {
    await backup();
    await runFirmwire(['owner', 'add', 'bob', '--data', to]);
    const blobs = await openBlobs(join(to, 'firmware'), 0);
    await (await blobs.stage(Buffer.from('old'), 3, 0)).keep();
    const before = await contents(to);
    failed(await restore(), /store in \S+ is not empty; --force replaces all that is in it/);
    expect(await contents(to)).to.deep.equal(before);
    expect((await restore('--force')).exitCode).to.equal(0);
    expect(await contents(to)).to.deep.equal(sorted(ENTRIES));
    expect((await readdir(join(to, 'firmware'))).sort()).to.deep.equal([sha256(IMAGE), 'staging'].sort());
  });

  it('writes nothing if the file is damaged, with --force too', async () => {
    await backup();
    await runFirmwire(['owner', 'add', 'bob', '--data', to]);
    const before = await contents(to);
    await truncate(file, (await stat(file)).size - 20);
    failed(await restore('--force'), /backup\.tar\.gz is damaged or no backup: .*: unexpected end of file/);
    expect(await contents(to)).to.deep.equal(before);
    failed(await runFirmwire(['restore', file, '--data', join(folder, 'new')]), /damaged/);
    expect(await readdir(folder)).to.not.include('new');
  });

  it('says what is wrong in one line', async () => {
    failed(await restore(), /backup\.tar\.gz: there is no such file/);
    failed(await runFirmwire(['backup', file, '--data', to]), /to holds no store/);
    expect(await readdir(folder)).to.deep.equal(['from']);
    await inStore(to, async () => undefined);
    failed(await runFirmwire(['backup', file, '--data', to]), /the store is empty/);
    failed(await runFirmwire(['backup', join(folder, 'no', 'x'), '--data', from]), /ENOENT/);
    expect((await runFirmwire(['backup'])).exitCode).to.equal(2);
  });

  it('refuses to restore where a server runs, and not where one has died', async () => {
    await backup();
    await mkdir(to);
    const runtime = (pid: number) =>
      writeFile(join(to, 'runtime.json'), JSON.stringify({ pid, mqttPort: 1, httpPort: 2 }));
    await runtime(process.ppid);
    failed(
      await restore(),
      new RegExp(`A server \\(process ${process.ppid}\\) is running on \\S+; stop it first`),
    );
    expect(await readdir(to)).to.deep.equal(['runtime.json']);
    // No process has this number.
    await runtime(2 ** 22 + 1);
    expect((await restore()).exitCode).to.equal(0);
  });

  it('a restore that broke off stops every other command, until it is repeated with --force', async () => {
    await backup();
    const broken = async function* (): AsyncIterable<StoreEntry> {
      // More than is written at one time.
      for (let n = 0; n < 100; n += 1) yield* ENTRIES;
      throw new Error('power cut');
    };
    await inStore(to, ({ archive }) => archive.import('x', broken()).catch(() => undefined));
    for (const command of [['owner', 'add', 'bob'], ['serve'], ['backup', join(folder, 'second.tar')]])
      failed(
        await runFirmwire([...command, '--data', to]),
        /A restore into this store has not ended; repeat it with firmwire restore --force/,
      );
    failed(await restore(), /not empty/);
    expect((await restore('--force')).exitCode).to.equal(0);
    expect(await contents(to)).to.deep.equal(sorted(ENTRIES));
  });
});
