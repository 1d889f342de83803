import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { PROGRAM } from '../support/firmwire-process.js';
import { at, listAt } from '../support/json.js';
import { ownerApi } from '../support/owner-api.js';
import { readPayload } from '../support/payload.js';
import { isWhole } from '../support/raw-http.js';
import { newDataFolder, runProgram, ServerProcess } from '../support/server-process.js';

describe('a backup of a running server, restored elsewhere', function () {
  this.timeout(60_000);
  let server: ServerProcess;
  let folder: string;

  beforeEach(async () => {
    server = await ServerProcess.start();
    folder = await newDataFolder();
  });
  afterEach(async () => {
    await server?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  function newDevice(autoUpdate?: boolean): Device {
    const device = new Device(server, server.account);
    device.autoUpdate = autoUpdate;
    return device;
  }

  async function run(...args: string[]): Promise<string> {
    const { code, out, err } = await runProgram(args, server.data);
    expect([code, err], args.join(' ')).to.deep.equal([0, '']);
    return out;
  }

  /** Stops this server for good and starts another one on what the backup holds. */
  async function moveTo(file: string, data: string): Promise<void> {
    await run('restore', file, '--data', data);
    await copyFile(join(server.data, 'credentials.json'), join(data, 'credentials.json'));
    const old = server;
    server = await ServerProcess.start(old.overrides, data);
    await old.dispose();
  }

  it('devices, tokens and what is owed go on where they were', async () => {
    const image = madeUpImage(300_000, 'backup');
    const owed = newDevice(true);
    const [told, half, done, asked] = [newDevice(true), newDevice(true), newDevice(true), newDevice()];
    await owed.register();
    for (const device of [told, half, done, asked]) {
      await device.start();
      await device.next('ok');
    }
    const { id } = await ownerApi(server).publish(image, { version: '1.1.0', platform: PLATFORM });
    const offers = await Promise.all([told, half, done].map((device) => device.nextOffer()));
    const [toldOffer, halfOffer, doneOffer] = offers as [
      (typeof offers)[0],
      (typeof offers)[0],
      (typeof offers)[0],
    ];
    const begun = await half.download(halfOffer.url, { range: 'bytes=0-99999' });
    expect([begun.status, begun.body.length]).to.deep.equal([206, 100_000]);
    expect(isWhole(await done.download(doneOffer.url))).to.equal(true);

    // While devices come and go, and owners are made.
    const file = join(folder, 'backup.tar');
    let isRunning = true;
    const busy = (async () => {
      for (let n = 0; isRunning || n < 3; n += 1) await newDevice(true).register();
    })();
    const [said] = await Promise.all([run('backup', file, '--json'), server.addOwner('late')]);
    isRunning = false;
    await busy;
    expect(at(JSON.parse(said), 'devices')).to.be.at.least(5);

    const devices = [owed, told, half, done, asked];
    for (const device of devices) await device.drop();
    await moveTo(file, join(folder, 'restored'));
    for (const device of devices) device.server = server;

    const { body } = await ownerApi(server).call('GET', '/firmware');
    expect(listAt(body, 'firmware').map((item) => at(item, 'id'))).to.deep.equal([id]);
    const notices = await ownerApi(server).call('GET', '/notices');
    expect(listAt(notices.body, 'notices').map((item) => at(item, 'udid'))).to.deep.equal([asked.udid]);

    // Issued before the backup: good for one download, whole or what was missing of it.
    const whole = await told.download(toldOffer.url);
    expect(whole.body.equals(image)).to.equal(true);
    expect((await told.download(toldOffer.url)).status).to.equal(404);
    const rest = await half.download(halfOffer.url, { range: 'bytes=100000-' });
    expect([rest.status, rest.body.equals(image.subarray(100_000))]).to.deep.equal([206, true]);
    expect((await half.download(halfOffer.url)).status).to.equal(404);
    // Complete before the backup.
    expect((await done.download(doneOffer.url)).status).to.equal(404);
    expect(
      readPayload((await done.register({ version: '1.1.0', firmware: 'my-app:1.1.0' })).body.toString()).kind,
    ).to.equal('ok');
    expect(at(await ownerApi(server).device(done.udid), 'update.state')).to.equal('installed');

    await owed.start();
    const offer = await owed.nextOffer();
    expect(offer.version).to.equal('1.1.0');
    expect((await owed.download(offer.url)).body.equals(image)).to.equal(true);
    await owed.drop();
  });

  it('restoring is refused while the server runs', async () => {
    const file = join(folder, 'backup.tar.gz');
    await run('backup', file);
    const { code, err } = await runProgram(['restore', file, '--force'], server.data);
    expect([code, err]).to.deep.equal([
      1,
      `firmwire: A server (process ${server.pid}) is running on ${server.data}; stop it first.\n`,
    ]);
    expect((await newDevice().register()).status).to.equal(200);
  });

  it('a restore that is killed lets no server start on half of it, until it is repeated', async () => {
    for (let n = 0; n < 4; n += 1)
      await ownerApi(server).publish(madeUpImage(8_000_000, `image ${n}`), {
        version: `1.${n}.0`,
        platform: PLATFORM,
      });
    const file = join(folder, 'backup.tar');
    await run('backup', file);
    const data = join(folder, 'restored');
    const child = spawn(process.execPath, [PROGRAM, 'restore', file, '--data', data], { cwd: folder });
    const gone = once(child, 'exit');
    // The first of four images has been kept: the records come after the last.
    const kept = async () => (await readdir(join(data, 'firmware')).catch(() => [])).length > 1;
    while (!(await kept())) await setImmediate();
    child.kill('SIGKILL');
    expect((await gone)[1], 'it was killed before its end').to.equal('SIGKILL');

    await copyFile(join(server.data, 'credentials.json'), join(data, 'credentials.json'));
    const refused = await ServerProcess.start({}, data).then(
      () => 'started',
      (error: Error) => error.message,
    );
    expect(refused).to.match(
      /A restore into this store has not ended; repeat it with firmwire restore --force/,
    );

    await run('restore', file, '--force', '--data', data);
    const second = await ServerProcess.start({}, data);
    try {
      const { body } = await ownerApi(second).call('GET', '/firmware');
      expect(listAt(body, 'firmware')).to.have.length(4);
      expect(await readdir(join(data, 'firmware', 'staging'))).to.deep.equal([]);
    } finally {
      await second.kill();
    }
  });
});
