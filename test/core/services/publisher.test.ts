import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { sha256 } from '../../../core/account.js';
import { viewFirmware } from '../../../core/firmware-view.js';
import { OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { anImage, codeOf, World, words } from '../../support/domain.js';

describe('the publisher', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());

  /** The names of all files below the folder of firmware bytes. */
  const stored = async (): Promise<string[]> => {
    const entries = await readdir(join(world.dir, 'firmware'), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  };
  const listed = async () => (await world.domain.catalog.list(OWNER)).map(({ version }) => version);

  it('keeps bytes and record, and tells what it kept', async () => {
    const bytes = anImage();
    const { firmware, created } = await world.publish({ notes: 'new' }, bytes);
    expect(created).to.equal(true);
    expect(firmware).to.include({ version: '1.1.0', size: 1000, sha256: sha256(bytes), chip: 'esp8266' });
    expect(firmware.files).to.deep.equal([{ name: 'firmware.bin', size: 1000, sha256: sha256(bytes) }]);
    expect(await stored()).to.deep.equal([sha256(bytes)]);
    expect(world.events).to.deep.equal(['published']);
  });

  it('tells consenting devices that are connected at once, and asks the owner about the others', async () => {
    await world.device({ autoUpdate: true });
    await world.device({ udid: OTHER_UDID, mac: undefined });
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await world.pass(2000);
    const { offered, asked } = await world.publish();
    expect({ offered, asked }).to.deep.equal({ offered: 1, asked: 1 });
    expect(words(said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
    expect(world.toldOn(`/rtm/notices/${OTHER_UDID}`)).to.have.length(1);
  });

  it('counts only questions that this firmware opens', async () => {
    await world.device();
    expect((await world.publish({ version: '1.2.0' }, anImage(1000, 2))).asked).to.equal(1);
    expect((await world.publish({ version: '1.1.0' })).asked, 'an older version').to.equal(0);
    expect((await world.publish({ version: '1.2.0' }, anImage(1000, 2))).asked, 'once more').to.equal(0);
  });

  it('with rollout none stores it and tells the owner nothing but that it is there', async () => {
    await world.device({ autoUpdate: true });
    const published = await world.publish({ rollout: 'none' });
    expect(published).to.include({ offered: 0, asked: 0, created: true });
    expect(world.told.map(({ topic }) => topic)).to.deep.equal([
      `/${OWNER}/rtm/firmware/${published.firmware.id}`,
    ]);
  });

  it('shows the owner each firmware as it stands, until it is withdrawn', async () => {
    const { firmware } = await world.publish({ rollout: 'none', notes: 'new' });
    await world.publish();
    await world.domain.publisher.withdraw(OWNER, firmware.id);
    const topic = `/${OWNER}/rtm/firmware/${firmware.id}`;
    const told = world.told.filter((message) => message.topic === topic);
    expect(told.every(({ retain, owner }) => retain && owner === OWNER)).to.equal(true);
    const [first, again, gone] = told.map(({ payload }) => payload);
    const view = viewFirmware(firmware);
    expect(JSON.parse(first ?? '')).to.deep.equal(view);
    expect(JSON.parse(again ?? '')).to.deep.equal({ ...view, rollout: 'all-at-once' });
    expect(gone).to.equal('');
    expect(told).to.have.length(3);
  });

  it('of the same bytes once more is no second firmware, and releases what was held back', async () => {
    await world.device();
    const first = await world.publish({ rollout: 'none' });
    const second = await world.publish();
    expect(second).to.include({ created: false, asked: 1 });
    expect(second.firmware.id).to.equal(first.firmware.id);
    expect(await listed()).to.deep.equal(['1.1.0']);
  });

  it('of the same version with other bytes is refused, and nothing is left behind', async () => {
    await world.publish();
    for (const version of ['1.1.0', 'v1.1', 'app:1.1.0'])
      expect(await codeOf(world.publish({ version }, anImage(1000, 9)))).to.equal('version_exists');
    expect(await stored()).to.have.length(1);
    expect(await listed()).to.deep.equal(['1.1.0']);
  });

  it('of two with other bytes at the same time keeps one', async () => {
    const both = await Promise.all([codeOf(world.publish()), codeOf(world.publish({}, anImage(1000, 9)))]);
    expect(both.sort()).to.deep.equal(['no failure', 'version_exists']);
    expect(await stored()).to.have.length(1);
  });

  it('the same version for another target, device or owner is another firmware', async () => {
    await world.publish();
    await world.publish({ udid: UDID }, anImage(1000, 2));
    await world.publish({ tags: ['beta'] }, anImage(1000, 3));
    await world.publish({}, anImage(1000, 4), OTHER_OWNER);
    expect(await listed()).to.have.length(3);
    expect(await stored()).to.have.length(4);
  });

  it('refuses what the updater would refuse, and nothing is left behind', async () => {
    const rows: [platform: string, bytes: Buffer][] = [
      ['arduino:esp8266', Buffer.from([0xea, 4, 0])],
      ['platformio:esp8266', Buffer.from('hello')],
      ['arduino:esp32', anImage(10)],
      ['arduino:esp32', anImage(1000, 0x55)],
    ];
    for (const [platform, bytes] of rows)
      expect(await codeOf(world.publish({ platform }, bytes)), platform).to.equal('image_refused');
    expect(await codeOf(world.publish({}, Buffer.alloc(0)))).to.equal('image_empty');
    expect(await stored()).to.deep.equal([]);
    expect(await listed()).to.deep.equal([]);
  });

  it('refuses a file that is too large, and nothing is left behind', async () => {
    const receiving = world.domain.publisher.receive(
      'f.bin',
      Readable.from([anImage(600), anImage(600)]),
      1000,
    );
    expect(await codeOf(receiving)).to.equal('image_too_large');
    expect(await stored()).to.deep.equal([]);
  });

  it("looks at an image for one device as that device's platform would", async () => {
    await world.device();
    const forDevice = { platform: undefined, udid: UDID };
    expect(await codeOf(world.publish(forDevice, Buffer.from('hello')))).to.equal('image_refused');
    expect((await world.publish(forDevice)).asked).to.equal(1);
  });

  it('of several files puts them into one body, for platforms that take files', async () => {
    const files = [
      ['boot.py', Buffer.from('print(1)')],
      ['lib/x.bin', Buffer.of(0xff, 0)],
    ] as const;
    const { firmware } = await world.publishFiles({ platform: 'micropython' }, files);
    expect(firmware.format).to.equal('files');
    expect(firmware.files.map(({ name }) => name)).to.deep.equal(['boot.py', 'lib/x.bin']);
    const body = await world.blobs.cached(firmware.sha256, firmware.size);
    expect(JSON.parse(String(body))).to.deep.equal({
      type: 'file',
      files: [
        { name: 'boot.py', data: 'print(1)' },
        { name: 'lib/x.bin', data: '/wA=', encoding: 'base64' },
      ],
    });
    expect(await stored(), 'the single files are gone').to.deep.equal([firmware.sha256]);
  });

  it('of several files is refused for platforms that take one image', async () => {
    const files = [
      ['a.bin', anImage()],
      ['b.bin', anImage()],
    ] as const;
    expect(await codeOf(world.publishFiles({}, files))).to.equal('field_invalid');
    expect(await codeOf(world.publishFiles({}, []))).to.equal('field_invalid');
    expect(await stored()).to.deep.equal([]);
  });

  describe('withdraw', () => {
    it('takes back offers and questions, and the bytes go', async () => {
      await world.device({ autoUpdate: true });
      await world.device({ udid: OTHER_UDID, mac: undefined });
      const { firmware } = await world.publish();
      const { conversation } = world.connection();
      await conversation.subscribed();
      await world.pass(2000);
      await world.domain.publisher.withdraw(OWNER, firmware.id);
      expect((await world.record()).update).to.include({ state: 'withdrawn', cancelOwed: true });
      expect(world.toldOn(`/rtm/notices/${OTHER_UDID}`).at(-1)).to.equal('');
      expect(await stored()).to.deep.equal([]);
      expect(await listed()).to.deep.equal([]);
    });

    it('keeps bytes that another firmware still consists of', async () => {
      const { firmware } = await world.publish();
      await world.publish({}, anImage(), OTHER_OWNER);
      await world.domain.publisher.withdraw(OWNER, firmware.id);
      expect(await stored()).to.have.length(1);
    });

    it('lets the firmware before it be offered again', async () => {
      await world.device();
      await world.publish();
      const { firmware } = await world.publish({ version: '1.2.0' }, anImage(1000, 2));
      await world.domain.publisher.withdraw(OWNER, firmware.id);
      expect((await world.record()).update).to.include({ state: 'asked', version: '1.1.0' });
    });

    it('is not for other owners, and not twice', async () => {
      const { firmware } = await world.publish();
      expect(await codeOf(world.domain.publisher.withdraw(OTHER_OWNER, firmware.id))).to.equal(
        'firmware_not_found',
      );
      const twice = [1, 2].map(() => codeOf(world.domain.publisher.withdraw(OWNER, firmware.id)));
      expect((await Promise.all(twice)).sort()).to.deep.equal(['firmware_not_found', 'no failure']);
    });
  });
});
