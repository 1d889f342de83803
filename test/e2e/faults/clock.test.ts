import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { madeUpImage } from '../../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../../support/device.js';
import { FakeTime } from '../../support/fake-time.js';
import { at, parsed } from '../../support/json.js';
import { ownerApi } from '../../support/owner-api.js';
import { OwnerPeer } from '../../support/owner-peer.js';
import { isWhole } from '../../support/raw-http.js';
import { ServerProcess } from '../../support/server-process.js';

const DAY_S = 86_400;
const TEN_YEARS = 3652;
/** Longer than offers.retrySeconds here. */
const PATIENCE_MS = 8000;

describe('a clock that is set while the server runs', function () {
  this.timeout(60_000);
  let time: FakeTime;
  let server: ServerProcess;

  beforeEach(async () => {
    time = await FakeTime.make();
    server = await ServerProcess.start(
      { OFFERS_RETRY_SECONDS: '1', OFFERS_SETTLE_SECONDS: '0.1', HOUSEKEEPING_SWEEP_SECONDS: '0.5' },
      undefined,
      time.environment,
    );
  });
  afterEach(async () => {
    await server?.dispose();
    await time?.dispose();
  });

  const newDevice = (autoUpdate: boolean): Device => {
    const device = new Device(server, server.account);
    device.autoUpdate = autoUpdate;
    return device;
  };
  const image = (version: string): Buffer => madeUpImage(30_000, version);
  const publish = (version: string) =>
    ownerApi(server).publish(image(version), { version, platform: PLATFORM });

  /** What a check-in over HTTP is answered; not read as strictly as elsewhere, because its time is not ours. */
  async function checkIn(device: Device): Promise<{ status: unknown; url: string; timestamp: number }> {
    const { status, body } = await device.register();
    expect(status).to.equal(200);
    const registration = at(parsed(body.toString()), 'registration');
    return {
      status: at(registration, 'status'),
      url: String(at(registration, 'url')),
      timestamp: Number(at(registration, 'timestamp')),
    };
  }
  /** The url of an offer, which may have to wait for a pause. */
  async function offer(device: Device): Promise<string> {
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await delay(100)) {
      const { status, url } = await checkIn(device);
      if (status === 'FIRMWARE_UPDATE') return url;
    }
    throw new Error('no offer came');
  }
  async function take(device: Device, url: string, version: string): Promise<void> {
    const answer = await device.download(url);
    expect(isWhole(answer) && answer.body.equals(image(version)), `${version} from ${url}`).to.equal(true);
  }
  const pushed = (device: Device, version: string) =>
    device.peer.inbox.next(`the push of ${version}`, ({ payload }) =>
      payload.includes(`"version":"${version}"`),
    );

  /** A release, a device that was pushed it, and one that was told where it lies and has not come for it. */
  async function released() {
    await publish('1.1.0');
    const online = newDevice(true);
    await online.start();
    await pushed(online, '1.1.0');
    const told = newDevice(true);
    const { url } = await checkIn(told);
    return { online, told, url };
  }

  /** Takes a whole body and comes back with the old version. */
  async function fail(device: Device): Promise<void> {
    await device.download(await offer(device));
    expect((await checkIn(device)).status).to.equal('OK');
  }

  it('back a day: nothing waits for the day to come again', async () => {
    const { online, told, url } = await released();
    const failed = newDevice(true);
    await fail(failed);

    await time.shift(-1);
    const now = await checkIn(newDevice(false));
    expect(now.timestamp).to.be.closeTo(Date.now() / 1000 - DAY_S, 30);
    await take(told, url, '1.1.0');
    await take(failed, await offer(failed), '1.1.0');
    await publish('1.2.0');
    await pushed(online, '1.2.0');
    await take(online, await offer(online), '1.2.0');
    online.version = '1.2.0';
    await checkIn(online);
    expect(at(await ownerApi(server).device(online.udid), 'update.state')).to.equal('installed');

    server = await server.killAndRestart();
    for (const device of [online, told, failed]) device.server = server;
    expect(at(await ownerApi(server).device(online.udid), 'update.state')).to.equal('installed');
    await take(told, await offer(told), '1.2.0');
    await online.drop();
    expect(server.err).to.not.match(/"level":50/);
  });

  it('forward ten years, and back again: sessions stay, tokens are renewed, no pause lasts ten years', async () => {
    const { online, told, url } = await released();
    const asked = newDevice(false);
    await checkIn(asked);
    const owner = await OwnerPeer.open(server);
    await owner.notice(asked.udid);
    await owner.reply(asked.udid, 'later', 'string');
    await owner.cleared(asked.udid);

    await time.shift(TEN_YEARS);
    await owner.notice(asked.udid);
    expect((await told.download(url)).status, 'a token of ten years ago').to.equal(404);
    await take(told, await offer(told), '1.1.0');
    await publish('1.2.0');
    await pushed(online, '1.2.0');
    const failed = newDevice(true);
    await fail(failed);
    const late = newDevice(false);
    await checkIn(late);
    await owner.notice(late.udid);
    await owner.reply(late.udid, 'later', 'string');
    await owner.cleared(late.udid);

    await time.shift(0);
    await take(failed, await offer(failed), '1.2.0');
    await checkIn(late);
    await owner.notice(late.udid);
    await owner.reply(late.udid, true);
    await take(late, await offer(late), '1.2.0');
    await publish('1.3.0');
    await pushed(online, '1.3.0');
    expect(online.peer.isConnected).to.equal(true);
    await Promise.all([online.drop(), owner.peer.drop()]);
    expect(server.err).to.not.match(/"level":50/);
  });
});
