import { cp, mkdtemp, open as openFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkEmbedded, type EmbeddedStores, openEmbedded } from '../../broker/storage/embedded/index.js';
import { FirmwireError } from '../../core/errors.js';
import { seededRandom } from '../../scripts/simulator/random.js';
import { aDevice, OWNER } from '../support/builders.js';
import { EVERYTHING, entriesOf } from './archive.js';
import { collect, range } from './harness.js';

const PAGE = 4096;
/** Two of them are meta pages. */
const FIRST = 2;
const DEVICES = 2000;

describe('embedded: a store that was damaged', () => {
  let root: string;
  let whole: string;
  let bytes: Buffer;
  let dir: string;
  let file: string;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'firmwire-damaged-'));
    whole = join(root, 'whole');
    const stores = await openEmbedded(whole);
    await stores.archive.import('whole', entriesOf(EVERYTHING));
    await Promise.all(range(DEVICES).map((n) => stores.devices.create(aDevice({ udid: udidOf(n) }))));
    // A value with pages of its own, and pages that were given back.
    await stores.retained.put({ topic: '/large', payload: Buffer.alloc(60_000, 1), qos: 1 });
    await Promise.all(range(DEVICES / 2).map((n) => stores.devices.remove(OWNER, udidOf(n))));
    await stores.close();
    bytes = await readFile(join(whole, 'data.mdb'));
  });
  beforeEach(async () => {
    dir = join(root, 'copy');
    file = join(dir, 'data.mdb');
    await cp(whole, dir, { recursive: true });
  });
  afterEach(() => rm(dir, { recursive: true }));
  after(() => rm(root, { recursive: true }));

  const udidOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

  const verdict = (): Promise<string> =>
    checkEmbedded(dir).then(
      () => 'whole',
      (error: unknown) => {
        if (!(error instanceof FirmwireError)) throw error;
        expect(error.code).to.equal('store_damaged');
        expect(error.message).to.include(file).and.to.include('firmwire restore FILE');
        return error.message;
      },
    );

  const held = async (stores: EmbeddedStores): Promise<number> =>
    (await collect(stores.devices.all(OWNER))).length;

  it('says that one that is whole is whole, also beside somebody who writes to it', async () => {
    expect(await verdict()).to.equal('whole');
    const stores = await openEmbedded(dir);
    const writing = Promise.all(
      range(500).map((n) =>
        stores.devices.update(udidOf(DEVICES - 1), (device) => ({ ...device, lastSeen: n })),
      ),
    );
    expect(await verdict()).to.equal('whole');
    await writing;
    expect(await held(stores)).to.be.at.least(DEVICES / 2);
    await stores.close();
    expect(await verdict()).to.equal('whole');
  });

  it('says that there is none', async () => {
    await rm(file);
    expect(await checkEmbedded(dir)).to.equal(false);
  });

  for (const share of [0.2, 0.5, 0.9])
    it(`notices that all behind ${share} of it was cut off, which LMDB would die of`, async () => {
      await truncate(file, Math.floor(bytes.length * share));
      expect(await verdict()).to.match(/is damaged: it was cut off: its page \d+ is missing/);
    });

  for (const number of [0, 1])
    it(`notices that meta page ${number} was overwritten`, async () => {
      await writeFile(file, Buffer.from(bytes).fill(0, number * PAGE, (number + 1) * PAGE));
      expect(await verdict()).to.match(/damaged/);
    });

  it('of a bit turned in a meta page it says damage, or nothing where it does no harm; never another error', async () => {
    // Both tell of the same trees but for the last step; what is told begins behind the magic number (`MDB_meta`).
    for (const number of [0, 1])
      for (let at = number * PAGE + 32; at < number * PAGE + 160; at += 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 0x80;
        await writeFile(file, changed);
        const said = await verdict();
        if (said !== 'whole') expect(said, `byte ${at}`).to.match(/damaged/);
      }
  });

  it('notices pages that hold zeros, noise or what belongs elsewhere', async () => {
    const random = seededRandom('pages');
    const noise = Buffer.from(range(PAGE).map(() => Math.floor(random() * 256)));
    const pages = bytes.length / PAGE;
    let noticed = 0;
    for (let n = FIRST; n < pages; n += 1) {
      const other = bytes.subarray(FIRST * PAGE, (FIRST + 1) * PAGE);
      const content = [Buffer.alloc(PAGE), noise, n === FIRST ? noise : other][n % 3] ?? noise;
      const handle = await openFile(file, 'r+');
      await handle.write(content, 0, PAGE, n * PAGE);
      // The others are free: of what was given back, and of the steps before the last.
      if ((await verdict()) !== 'whole') noticed += 1;
      await handle.write(bytes, n * PAGE, PAGE, n * PAGE);
      await handle.close();
    }
    expect(noticed).to.be.above(100);
    expect(await verdict()).to.equal('whole');
  });

  it('opens what it calls whole with all that was in it, whichever page was overwritten', async () => {
    const random = seededRandom('opened');
    const pages = bytes.length / PAGE;
    let whole = 0;
    for (const _ of range(40)) {
      const n = FIRST + Math.floor(random() * (pages - FIRST));
      await writeFile(file, Buffer.from(bytes).fill(0, n * PAGE, (n + 1) * PAGE));
      if ((await verdict()) !== 'whole') continue;
      whole += 1;
      const stores = await openEmbedded(dir);
      expect(await held(stores), `page ${n}`).to.be.at.least(DEVICES / 2);
      await stores.close();
    }
    expect(whole).to.be.above(0);
  });

  it('notices a record that cannot be read', async () => {
    const at = bytes.indexOf(`"udid":"${udidOf(DEVICES - 1)}"`);
    expect(at).to.be.above(0);
    const changed = Buffer.from(bytes);
    // In each copy there is, of earlier steps too.
    for (let place = at; place > 0; place = changed.indexOf(`"udid":"${udidOf(DEVICES - 1)}"`, place + 1))
      changed[place] = 0x07;
    await writeFile(file, changed);
    expect(await verdict()).to.match(/a record in its table "devices" cannot be read/);
  });
});
