import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Seen, type Sighting } from '../../../scripts/connect/seen.js';
import { SeenFile } from '../../../scripts/connect/seen-file.js';
import { OWNER, UDID } from '../../support/builders.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { FakeClock } from '../../support/fake-clock.js';

const MAC = '5CCF7F1A2B3C';
const KEY = 'k'.repeat(64);
const udidOf = (n: number): string => UDID.slice(0, -4) + String(n).padStart(4, '0');
const sighting = (change: Partial<Sighting> = {}): Sighting => ({
  udid: UDID,
  mac: MAC,
  owner: OWNER,
  alias: 'hall',
  autoUpdate: true,
  key: KEY,
  ...change,
});

describe('the devices that a gateway has seen', () => {
  it('are found by UDID, else by MAC, and with their own key only', () => {
    const seen = new Seen(10);
    seen.note(sighting());
    expect(seen.find(KEY, UDID, undefined)).to.deep.equal(sighting());
    expect(seen.find(KEY, undefined, MAC)).to.deep.equal(sighting());
    expect(seen.find(KEY, udidOf(1), MAC)).to.deep.equal(sighting());
    expect(seen.find('other', UDID, MAC)).to.equal(undefined);
    expect(seen.find(KEY, undefined, undefined)).to.equal(undefined);
    expect(seen.find(KEY, udidOf(1), 'AABBCCDDEEFF')).to.equal(undefined);
  });

  it('are as they were seen last', () => {
    const seen = new Seen(10);
    seen.note(sighting());
    seen.note(sighting({ alias: 'attic', autoUpdate: false }));
    expect(seen.find(KEY, undefined, MAC)?.alias).to.equal('attic');
    expect(seen.all()).to.deep.equal([sighting({ alias: 'attic', autoUpdate: false })]);
  });

  it('are bounded in number: the one heard of least recently is forgotten', () => {
    const seen = new Seen(2);
    for (const n of [1, 2, 1, 3]) seen.note(sighting({ udid: udidOf(n), mac: `AABBCCDDEE0${n}` }));
    expect(seen.all().map(({ udid }) => udid)).to.deep.equal([udidOf(1), udidOf(3)]);
    expect(seen.find(KEY, undefined, 'AABBCCDDEE02')).to.equal(undefined);
  });

  describe('on the disk', () => {
    let dir: string;
    let path: string;
    let clock: FakeClock;
    let log: CollectingLog;
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'firmwire-seen-'));
      path = join(dir, 'devices.json');
      clock = new FakeClock();
      log = new CollectingLog();
    });
    afterEach(() => rm(dir, { recursive: true, force: true }));

    const open = async (seen = new Seen(10)) => {
      const file = await SeenFile.open({ path, seen, saveMs: 1000, clock, log });
      return { seen, file };
    };

    it('are still there after a restart, in their order, readable by nobody else', async () => {
      const { seen, file } = await open();
      seen.note(sighting());
      seen.note(sighting({ udid: udidOf(1), mac: undefined }));
      await file.close();
      const again = await open();
      expect(again.seen.all()).to.deep.equal(
        [sighting(), { ...sighting({ udid: udidOf(1) }), mac: undefined }].map((item) =>
          JSON.parse(JSON.stringify(item)),
        ),
      );
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
      expect(await readdir(dir)).to.deep.equal(['devices.json']);
      expect(log.lines).to.deep.equal([]);
    });

    it('are written after a while, once for all that is new, and not for what is known', async () => {
      const { seen, file } = await open();
      for (const n of [1, 2, 3]) seen.note(sighting({ udid: udidOf(n) }));
      expect(clock.pending).to.equal(1);
      clock.advance(1000);
      await file.close();
      expect(JSON.parse(await readFile(path, 'utf8')).devices).to.have.length(3);
      seen.note(sighting({ udid: udidOf(3) }));
      expect(clock.pending).to.equal(0);
    });

    it('that make no sense are left out; a file that makes none is told and harms nothing', async () => {
      const devices = [
        sighting(),
        { ...sighting(), owner: 'x' },
        { udid: 5 },
        null,
        { ...sighting(), alias: 7 },
      ];
      await writeFile(path, JSON.stringify({ version: 1, devices }));
      expect((await open()).seen.all()).to.have.length(1);
      for (const text of ['', '{', '[]', '{"version":2,"devices":[]}', '{"version":1}']) {
        log = new CollectingLog();
        await writeFile(path, text);
        expect((await open()).seen.all()).to.deep.equal([]);
        expect(log.lines.map(({ message }) => message)).to.deep.equal([
          'what was known of devices cannot be read',
        ]);
      }
    });

    it('that cannot be written are told to the log, and nothing half-written stays', async () => {
      const { seen, file } = await open();
      await rm(dir, { recursive: true });
      seen.note(sighting());
      await file.close();
      expect(log.lines.map(({ message }) => message)).to.deep.equal([
        'what is known of devices cannot be written',
      ]);
    });
  });
});
