import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { madeUpImage } from '../../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../../support/device.js';
import { at, listAt } from '../../support/json.js';
import { type ApiAnswer, ownerApi } from '../../support/owner-api.js';
import { OwnerPeer } from '../../support/owner-peer.js';
import { readPayload } from '../../support/payload.js';
import { exchange, getRequest, isWhole } from '../../support/raw-http.js';
import { ServerProcess } from '../../support/server-process.js';
import { SmallDisk } from '../../support/small-disk.js';

const MIB = 2 ** 20;
const DISK = 40 * MIB;
const RESERVE = 4 * MIB;
const IMAGE = madeUpImage(5 * MIB, 'large');
const SMALL = madeUpImage(100_000, 'small');

const FULL = /"level":50.*the disk is full/;

describe('a full disk', function () {
  this.timeout(60_000);
  let disk: SmallDisk;
  let server: ServerProcess;

  beforeEach(async () => {
    disk = await SmallDisk.mount(DISK);
    server = await start();
  });
  afterEach(async () => {
    await server?.kill();
    await disk?.unmount();
  });

  const start = (): Promise<ServerProcess> =>
    ServerProcess.start(
      { DISK_RESERVE_BYTES: String(RESERVE), HOUSEKEEPING_SWEEP_SECONDS: '1', OFFERS_SETTLE_SECONDS: '0.1' },
      disk.path,
    );
  const upload = (version: string, image: Buffer): Promise<ApiAnswer> =>
    ownerApi(server).upload({
      version,
      platform: PLATFORM,
      rollout: 'all-at-once',
      files: [['firmware.bin', image]],
    });
  const newDevice = (autoUpdate = true): Device => {
    const device = new Device(server, server.account);
    device.autoUpdate = autoUpdate;
    return device;
  };
  const offerFor = async (device: Device): Promise<string> => {
    const { body, status } = await device.register();
    expect(status, body.toString()).to.equal(200);
    return String(readPayload(body.toString()).registration['url']);
  };
  /** From the check-in to the new version. */
  async function update(device: Device, image: Buffer): Promise<void> {
    const { registration } = readPayload((await device.register()).body.toString());
    expect((await device.download(String(registration['url']))).body.equals(image)).to.equal(true);
    device.version = String(registration['version']);
    expect(readPayload((await device.register()).body.toString()).kind).to.equal('ok');
  }
  const storedFirmware = async (): Promise<string[]> => {
    const names = await readdir(join(disk.path, 'firmware'), { recursive: true });
    return names.filter((name) => name !== 'staging').sort();
  };
  const listed = async (): Promise<unknown[]> =>
    listAt((await ownerApi(server).call('GET', '/firmware')).body, 'firmware');

  it('filled by uploads: 507, nothing is left of what did not fit, devices are served, and withdrawing helps', async () => {
    let answer = await upload('1.0.1', IMAGE);
    for (let n = 2; answer.status === 201; n += 1)
      answer = await upload(`1.0.${n}`, madeUpImage(IMAGE.length, `large ${n}`));
    expect(answer.status).to.equal(507);
    expect(at(answer.body, 'error.code')).to.equal('storage_full');
    const before = await listed();
    expect(before).to.have.length.above(3);
    expect(await storedFirmware()).to.deep.equal(before.map((item) => String(at(item, 'sha256'))).sort());
    expect(server.err).to.match(FULL);

    const newest = madeUpImage(IMAGE.length, `large ${before.length}`);
    await update(newDevice(), newest);
    for (const item of before.slice(0, 2))
      expect((await ownerApi(server).call('DELETE', `/firmware/${at(item, 'id')}`)).status).to.equal(204);
    expect((await upload('2.0.0', IMAGE)).status).to.equal(201);
    await update(newDevice(), IMAGE);
  });

  it('filled by others to the last block: downloads go on, answers are taken, nothing of it is lost', async () => {
    expect((await upload('1.1.0', IMAGE)).status).to.equal(201);
    const asked = newDevice(false);
    await asked.register();
    const online = newDevice();
    await online.start();
    const running = exchange(server.httpPort, getRequest((await online.nextOffer()).url));
    await running.got(1000);
    running.pause();

    disk.fill();
    expect(await disk.free()).to.equal(0);
    running.resume();
    const answer = await running.answer;
    expect(isWhole(answer) && answer.body.equals(IMAGE), 'the download under way').to.equal(true);
    for (let n = 0; n < 30; n += 1) await update(newDevice(), IMAGE);
    const owner = await OwnerPeer.open(server);
    await owner.reply(asked.udid, true);
    await owner.peer.drop();
    const refused = await upload('1.2.0', SMALL);
    expect([refused.status, at(refused.body, 'error.code')]).to.deep.equal([507, 'storage_full']);
    expect(server.err).to.match(FULL);
    await online.drop();

    server = await server.killAndRestart();
    expect(at(await ownerApi(server).device(asked.udid), 'update.state')).to.equal('approved');
    asked.server = server;
    await update(asked, IMAGE);
    const installed = listAt((await ownerApi(server).call('GET', '/devices')).body, 'devices').filter(
      (device) => at(device, 'update.state') === 'installed',
    );
    expect(installed).to.have.length(31);

    disk.empty();
    expect((await upload('1.2.0', SMALL)).status).to.equal(201);
    await access(join(disk.path, 'reserve'));
    await update(newDevice(), SMALL);
  });

  it('with the reserve gone, too: everybody is refused what cannot be stored, and served again once there is room', async () => {
    expect((await upload('1.1.0', SMALL)).status).to.equal(201);
    const known = newDevice(false);
    await known.register();
    const told = newDevice();
    const url = await offerFor(told);
    // The first write gives the reserve up, and others take that as well.
    for (let taken = false; !taken; ) {
      disk.fill();
      taken = (await newDevice().register()).status !== 200;
    }
    const refused = await newDevice().register();
    expect(`${refused.status} ${refused.body}`).to.equal('507 {"success":false,"response":"storage_full"}');
    // What takes the place of something else may still find some: it is stored, or refused, and nothing in between.
    let alias: unknown = at(await ownerApi(server).device(known.udid), 'alias');
    for (let n = 0; n < 20; n += 1) {
      const name = `${'long '.repeat(n)}${n}`;
      const { status, body } = await ownerApi(server).call('PATCH', `/devices/${known.udid}`, {
        alias: name,
      });
      expect([status, at(body, 'error.code')]).to.be.deep.oneOf([
        [200, undefined],
        [507, 'storage_full'],
      ]);
      if (status === 200) alias = name;
    }
    // A new device that cannot be taken in is told to come again, not that it may not.
    let word: unknown;
    for (let n = 0; n < 50 && word === undefined; n += 1) {
      const device = newDevice();
      word = await device.connect().then(
        () => undefined,
        (error: { code?: number }) => error.code,
      );
      await device.drop();
      disk.fill();
    }
    expect(word, 'CONNACK: server unavailable').to.equal(3);
    // What needs no writing is served.
    expect(at(await ownerApi(server).device(known.udid), 'alias')).to.equal(alias);
    expect((await fetch(`${server.httpUrl}/ready`)).status).to.equal(200);
    const metrics = await (await fetch(`${server.httpUrl}/metrics`)).text();
    expect(metrics).to.match(/^firmwire_store_state 0$/m);

    disk.empty();
    expect((await told.download(url)).body.equals(SMALL)).to.equal(true);
    await update(newDevice(), SMALL);
    expect((await upload('1.2.0', IMAGE)).status).to.equal(201);
    const again = await (await fetch(`${server.httpUrl}/metrics`)).text();
    expect(again).to.match(/^firmwire_store_state 1$/m);
    server = await server.killAndRestart();
    expect(at(await ownerApi(server).device(known.udid), 'alias'), 'what was acknowledged').to.equal(alias);
  });

  it('a server can be started on it', async () => {
    expect((await upload('1.1.0', SMALL)).status).to.equal(201);
    await server.kill();
    disk.fill();
    server = await start();
    await update(newDevice(), SMALL);
    expect((await upload('1.2.0', SMALL)).status).to.equal(507);
  });
});
