import { access, mkdtemp, open, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { madeUpImage } from '../../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../../support/device.js';
import { at, listAt } from '../../support/json.js';
import { ownerApi } from '../../support/owner-api.js';
import { readPayload } from '../../support/payload.js';
import { runProgram, ServerProcess } from '../../support/server-process.js';

const PAGE = 4096;
const DEVICES = 60;
const IMAGE = madeUpImage(20_000, 'kept');

describe('a damaged store', function () {
  this.timeout(60_000);
  let server: ServerProcess;
  let backup: string;
  let file: string;
  let devices: Device[];

  before(async () => {
    server = await ServerProcess.start();
    file = join(server.data, 'store/data.mdb');
    devices = Array.from({ length: DEVICES }, () => new Device(server, server.account));
    await Promise.all(devices.map((device) => device.register()));
    await ownerApi(server).publish(IMAGE, { version: '1.1.0', platform: PLATFORM, rollout: 'none' });
    backup = join(await mkdtemp(join(tmpdir(), 'firmwire-backup-')), 'fleet.tar');
    expect((await runProgram(['backup', backup], server.data)).code).to.equal(0);
    await server.kill();
  });
  after(async () => {
    await server?.dispose();
    await rm(dirname(backup), { recursive: true });
  });

  const size = async (): Promise<number> => (await stat(file)).size;

  /** A start that must fail; the one line that it says. */
  async function refusal(): Promise<string> {
    const ended = await runProgram(['serve'], server.data);
    expect([ended.code, ended.out]).to.deep.equal([1, '']);
    const lines = ended.err.trim().split('\n');
    const said = lines.filter((line) => line.startsWith('firmwire: '));
    expect(said, ended.err).to.have.length(1);
    return said[0] ?? '';
  }

  /** As the line says: the store is moved away, and a backup put in its place. */
  async function restore(): Promise<void> {
    await rename(join(server.data, 'store'), join(server.data, `damaged-${Date.now()}`)).catch(
      () => undefined,
    );
    const { code, err } = await runProgram(['restore', backup], server.data);
    expect([code, err]).to.deep.equal([0, '']);
    server = await ServerProcess.start({}, server.data);
    const shown = listAt((await ownerApi(server).call('GET', '/devices')).body, 'devices');
    expect(new Set(shown.map((device) => at(device, 'udid')))).to.deep.equal(
      new Set(devices.map(({ udid }) => udid)),
    );
    const [device] = devices;
    if (!device) throw new Error('there is no device');
    device.server = server;
    const update = await ownerApi(server).call('POST', `/devices/${device.udid}/update`, { forced: true });
    expect(update.status, JSON.stringify(update.body)).to.equal(200);
    const { registration } = readPayload((await device.register()).body.toString());
    expect((await device.download(String(registration['url']))).body.equals(IMAGE)).to.equal(true);
    await server.kill();
  }

  const damages: [what: string, damage: () => Promise<void>][] = [
    ['cut off in the middle', async () => truncate(file, Math.floor((await size()) / 2))],
    ['emptied', () => truncate(file, 0)],
    [
      'with zeros in the place of its last pages',
      async () => {
        const handle = await open(file, 'r+');
        const half = Math.floor((await size()) / PAGE / 2) * PAGE;
        await handle.write(Buffer.alloc((await size()) - half), 0, undefined, half);
        await handle.close();
      },
    ],
    [
      'with a record that cannot be read',
      async () => {
        const bytes = await readFile(file);
        const handle = await open(file, 'r+');
        const mark = `"udid":"${devices[0]?.udid}"`;
        for (let place = bytes.indexOf(mark); place > 0; place = bytes.indexOf(mark, place + 1))
          await handle.write(Buffer.from([0]), 0, 1, place);
        await handle.close();
      },
    ],
  ];
  for (const [what, damage] of damages)
    it(`${what}: the start is refused, nothing is changed, and the backup brings everything back`, async () => {
      await damage();
      const before = await readFile(file);
      const said = await refusal();
      expect(said).to.include(file).and.to.include('firmwire restore FILE').and.to.include('Move it away');
      expect((await readFile(file)).equals(before), 'left as it was').to.equal(true);
      await restore();
    });

  it('gone: no server begins with an empty fleet where one has run', async () => {
    await rm(join(server.data, 'store'), { recursive: true });
    expect(await refusal())
      .to.include('its store is gone')
      .and.to.include('firmwire restore FILE');
    const there = await access(file).then(
      () => true,
      () => false,
    );
    expect(there, 'a new one').to.equal(false);
    await restore();
  });
});
