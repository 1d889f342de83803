import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { at, listAt, parsed } from '../support/json.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { type OwnerApi, ownerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { exchange, getRequest, header, isWhole } from '../support/raw-http.js';
import { type Start, startBehindGateway, startPlain, startSecure } from '../support/secure-server.js';
import type { Account, ServerProcess } from '../support/server-process.js';

const IMAGE = madeUpImage(300_000, 'main job');
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const theMainJob = (start: Start) => (): void => {
  let server: ServerProcess;
  let account: Account;
  let api: OwnerApi;
  let owner: OwnerPeer;
  let devices: Device[] = [];

  before(async () => {
    server = await start({
      OFFERS_RETRY_SECONDS: '0.2',
      THROTTLE_SUBJECT_FAILURES_PER_MINUTE: '1000',
      HOUSEKEEPING_SWEEP_SECONDS: '1',
      NOTICES_POSTPONE_HOURS: '0.0003',
    });
    account = server.account;
    api = ownerApi(server);
  });
  after(() => server?.dispose());

  beforeEach(async () => {
    owner = await OwnerPeer.open(server, account);
  });
  afterEach(async () => {
    await Promise.all([owner.peer.drop(), ...devices.map((device) => device.drop())]);
    devices = [];
    await api.clear();
  });

  function newDevice(autoUpdate?: boolean): Device {
    const device = new Device(server, account);
    device.autoUpdate = autoUpdate;
    devices.push(device);
    return device;
  }

  const state = async (device: Device): Promise<unknown> => at(await api.device(device.udid), 'update.state');
  const reason = async (device: Device): Promise<unknown> => at(await api.device(device.udid), 'why.reason');

  /** Starts a device and waits until the server knows it and has answered. */
  async function started(autoUpdate?: boolean): Promise<Device> {
    const device = newDevice(autoUpdate);
    await device.start();
    await device.next('ok');
    await owner.event('checkin', device.udid);
    return device;
  }

  /** A settle time begun now has passed at the server, with all others begun before. */
  async function settled(): Promise<void> {
    const witness = newDevice(true);
    witness.platform = 'arduino:esp32';
    await witness.register();
    const image = madeUpImage(100, witness.udid);
    const form = await api.upload({
      version: '9.0.0',
      udid: witness.udid,
      files: [['w.bin', esp32(image)]],
    });
    expect(form.status, JSON.stringify(form.body)).to.equal(201);
    await witness.subscribe();
    await witness.nextOffer();
  }

  describe('a device with auto update on', () => {
    it('is told at once, downloads over HTTP/1.0, and is installed when it checks in with the version', async () => {
      const device = newDevice(true);
      await device.start();
      const ok = await device.next('ok');
      expect(ok.registration).to.include({
        owner: account.owner,
        udid: device.udid,
        auto_update: true,
      });
      await owner.event('checkin', device.udid);

      const { body } = await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      expect(body).to.have.all.keys('firmware', 'offered', 'asked');
      expect(body).to.include({ offered: 1, asked: 0 });
      expect(at(body, 'firmware')).to.include({
        version: '1.1.0',
        platform: PLATFORM,
        size: IMAGE.length,
        sha256: sha256(IMAGE),
        md5: md5(IMAGE),
      });
      expect(at(body, 'firmware.files')).to.deep.equal([
        { name: 'firmware.bin', size: IMAGE.length, sha256: sha256(IMAGE) },
      ]);
      const offer = await device.nextOffer();
      expect(offer.version).to.equal('1.1.0');
      await owner.event('offered', device.udid);
      expect(await state(device)).to.equal('offered');

      // The same TCP client is used for HTTP: the download drops the MQTT socket, which ends nothing.
      await device.drop();
      await owner.event('checkout', device.udid);
      const answer = await device.download(offer.url);
      expect(answer.statusLine).to.match(/^HTTP\/1\.[01] 200 /);
      expect(answer.body.equals(IMAGE), 'the bytes').to.equal(true);
      expect(answer.closed).to.equal('end');
      expect(header(answer, 'content-length')).to.equal(String(IMAGE.length));
      expect(header(answer, 'x-md5')).to.equal(md5(IMAGE));
      expect(header(answer, 'connection')).to.equal('close');
      expect(header(answer, 'content-type')).to.equal('application/octet-stream');
      expect(header(answer, 'content-disposition')).to.equal('attachment; filename=firmware.bin');
      expect(header(answer, 'transfer-encoding')).to.equal(undefined);
      expect(answer.head).not.to.contain('}}');
      expect(answer.first.length, 'body bytes with the head').to.be.above(answer.head.length);

      await owner.event('downloaded', device.udid);
      expect(await state(device)).to.equal('downloaded');
      const again = await device.download(offer.url);
      expect(again.status).to.equal(404);
      expect(again.body.toString()).to.equal('{"success":false,"response":"OTT_UPDATE_NOT_FOUND"}');
      expect(owner.events(device.udid)).not.to.include('installed');

      device.version = '1.1.0';
      await device.start();
      await owner.event('installed', device.udid);
      await device.next('ok');
      const after = await api.device(device.udid);
      expect(after).to.include({ version: '1.1.0', online: true });
      expect(at(after, 'update.state')).to.equal('installed');
      expect(at(after, 'why.reason')).to.equal('already_newest');
      expect(at(after, 'why.sentence')).to.be.a('string').that.is.not.equal('');
    });

    it('shows its progress to the owner while it downloads', async () => {
      const device = await started(true);
      await api.publish(madeUpImage(8_000_000, 'large'), { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      await device.download(url);
      await owner.event('downloaded', device.udid);
      const events = owner.peer.inbox.all
        .map(({ payload }) => parsed(payload))
        .filter((event) => at(event, 'event') === 'downloading' && at(event, 'udid') === device.udid);
      const progress = events.map((event) => at(event, 'progress') ?? 0).map(Number);
      expect(progress, JSON.stringify(events)).to.deep.equal([...progress].sort((a, b) => a - b));
      expect(progress.filter((percent) => percent > 0 && percent < 100)).not.to.deep.equal([]);
      for (const event of events) expect(at(event, 'version')).to.equal('1.1.0');
    });

    it('is not called installed for saying a version without a download', async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await device.nextOffer();
      await device.drop();
      await owner.event('checkout', device.udid);
      device.version = '1.1.0';
      await device.start();
      await owner.event('checkin', device.udid);
      await device.next('ok');
      expect(await state(device)).not.to.equal('installed');
      await owner.fence();
      expect(owner.events(device.udid)).not.to.include('installed');
    });

    it('is not called installed for a part of a download', async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      const part = await device.download(url, { Range: 'bytes=0-99999' });
      expect(part.status).to.equal(206);
      expect(part.body.equals(IMAGE.subarray(0, 100_000))).to.equal(true);
      await device.drop();
      await owner.event('checkout', device.udid);
      device.version = '1.1.0';
      await device.start();
      await owner.event('checkin', device.udid);
      await owner.fence();
      expect(owner.events(device.udid)).not.to.include('installed');
    });

    it("shows the updater's own text when the download failed, and is offered again after a pause", async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const { url, ott } = await device.nextOffer();
      await device.drop();
      await device.download(url);
      await owner.event('downloaded', device.udid);
      await device.subscribe();
      await device.checkIn({ status: 'Wrong MD5' });
      const failed = await owner.event('failed', device.udid);
      expect(at(failed, 'error')).to.equal('Wrong MD5');
      const shown = await api.device(device.udid);
      expect(at(shown, 'update.error')).to.equal('Wrong MD5');
      expect(['failed', 'offered']).to.include(at(shown, 'update.state'));
      const second = await device.nextOffer();
      expect(second.ott).not.to.equal(ott);
    });

    it('is not flashed for ever: three whole transfers without the new version, and it has failed', async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const tokens = new Set<string>();
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        const { url, ott } = await device.nextOffer();
        tokens.add(ott);
        await device.drop();
        await device.download(url);
        await owner.event('downloaded', device.udid);
        await device.start();
      }
      await owner.event('failed', device.udid);
      expect(tokens.size).to.equal(3);
      await device.drop();
      await device.start();
      await device.next('ok');
      await settled();
      await device.fence();
      expect(device.offers).to.equal(0);
      expect(await state(device)).to.equal('failed');
      expect(await reason(device)).to.equal('attempts_used_up');
    });

    it('gets what it was offered, or nothing, when a newer firmware comes in between', async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const first = await device.nextOffer();
      const newer = madeUpImage(310_000, 'newer');
      await api.publish(newer, { version: '1.2.0', platform: PLATFORM });
      const late = await device.download(first.url);
      if (late.status === 200) expect(late.body.equals(IMAGE)).to.equal(true);
      else expect(late.status).to.equal(404);
      await device.drop();
      await device.start();
      const second = await device.nextOffer();
      expect(second.version).to.equal('1.2.0');
      expect((await device.download(second.url)).body.equals(newer)).to.equal(true);
    });
  });

  describe('availability', () => {
    it('CONNECT and SUBSCRIBE alone get the offer after the settle time', async () => {
      const device = newDevice(true);
      await device.register();
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await device.connect();
      const begun = performance.now();
      await device.peer.subscribe(device.topic);
      await device.nextOffer();
      expect(performance.now() - begun).to.be.within(250, 1500);
      expect(device.offers).to.equal(1);
    });

    it('an empty or five-byte check-in harms nothing: the offer comes all the same', async () => {
      for (const text of ['', 'owner']) {
        const device = newDevice(true);
        await device.register();
        await api.publish(madeUpImage(5000, device.udid), { version: '1.1.0', udid: device.udid });
        await device.subscribe();
        await device.peer.publish(device.status, text, { qos: 0 });
        await device.nextOffer();
        expect(device.peer.isConnected).to.equal(true);
      }
    });

    it('SUBSCRIBE and check-in together get one offer, not two; a new connection gets it again', async () => {
      const device = newDevice(true);
      await device.register();
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await device.start();
      const first = await device.nextOffer();
      await device.checkIn();
      await owner.event('checkin', device.udid);
      await owner.event('checkin', device.udid);
      await device.peer.publish(device.status, 'update_started', { qos: 0 });
      await device.peer.subscribe(device.topic);
      await settled();
      await device.fence();
      expect(device.offers, 'offers on the first connection').to.equal(1);
      await device.drop();
      await device.start();
      const second = await device.nextOffer();
      expect(second.ott).not.to.equal(first.ott);
      expect((await device.download(first.url)).status, 'the old token').to.equal(404);
      expect((await device.download(second.url)).status, 'the new token').to.equal(200);
    });

    it('a new connection is not offered again while a download with the token has just begun', async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      expect((await device.download(url, { Range: 'bytes=0-9' })).status).to.equal(206);
      await device.drop();
      await device.start();
      await device.next('ok');
      await settled();
      await device.fence();
      expect(device.offers).to.equal(0);
      const rest = await device.download(url);
      expect(rest.status, 'the token lives on').to.equal(200);
      expect(rest.body.equals(IMAGE)).to.equal(true);
    });

    it('a session with the same UDID cuts the first', async () => {
      const first = await started(true);
      const before = first.peer;
      await first.start();
      await before.closed;
      await first.next('ok');
    });

    it('garbage in check-ins harms neither its sender nor another device', async () => {
      const device = await started(true);
      const other = await started(true);
      const deep = '['.repeat(20_000);
      const garbage: (string | Buffer)[] = [
        '',
        'owner',
        '{',
        'null',
        '[]',
        '42',
        '"text"',
        deep,
        '{"registration":null}',
        '{"registration":[]}',
        '{"registration":"x"}',
        '{"registration":{"mac":{"a":1},"version":[1],"status":7,"platform":null,"alias":{}}}',
        '{"registration":{"__proto__":{"owner":"x"},"constructor":1}}',
        `{"registration":{"version":"${'9'.repeat(30_000)}"}}`,
        '{"registration":{"udid":"../../etc","owner":"#","alias":"\\u0000\\ud800"}}',
        Buffer.from([0xff, 0xfe, 0x00, 0x7b]),
      ];
      for (const payload of garbage) await device.peer.publish(device.status, payload, { qos: 1 });
      await device.fence();
      expect(device.peer.isConnected).to.equal(true);
      const shown = await api.device(device.udid);
      expect(shown).to.include({ udid: device.udid, platform: PLATFORM, mac: device.mac });
      await device.checkIn();
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await Promise.all([device.nextOffer(), other.nextOffer()]);
      expect(server.err, 'the log').not.to.contain('unhandled');
    });

    it('a UDID never seen is a new device of the owner of the key', async () => {
      const device = newDevice();
      await device.subscribe();
      await device.checkIn({ alias: 'kitchen' });
      const ok = await device.next('ok');
      expect(ok.registration).to.include({ alias: 'kitchen', auto_update: false, udid: device.udid });
      const list = await api.call('GET', '/devices');
      expect(listAt(list.body, 'devices').map((item) => at(item, 'udid'))).to.deep.equal([device.udid]);
    });
  });

  describe('a device with auto update off', () => {
    /** A device whose owner has been asked about 1.1.0. */
    async function asked(): Promise<{ device: Device; id: string }> {
      const device = await started();
      const {
        id,
        offered,
        asked: questions,
      } = await api.publish(IMAGE, {
        version: '1.1.0',
        platform: PLATFORM,
      });
      expect({ offered, questions }).to.deep.equal({ offered: 0, questions: 1 });
      return { device, id };
    }

    /** The notices an owner who logs in now is given. */
    async function noticesAtLogin(): Promise<string[]> {
      const later = await OwnerPeer.open(server, account);
      await later.fence();
      await later.peer.drop();
      return later.peer.inbox.all
        .filter(({ topic }) => topic.startsWith(`/${account.owner}/rtm/notices/`))
        .map(({ payload }) => payload);
    }

    it('is not told; its owner is, by a notice that one who logs in later sees exactly once', async () => {
      const { device } = await asked();
      const notice = await owner.notice(device.udid);
      expect(notice.payload.startsWith('{"notification"')).to.equal(true);
      const body: unknown = JSON.parse(notice.payload);
      expect(at(body, 'notification')).to.include({
        nid: device.udid,
        title: 'Update available',
        type: 'actionable',
        response_type: 'bool',
        udid: device.udid,
        version: '1.1.0',
        installed: '1.0.0',
      });
      expect(at(body, 'notification.body')).to.be.a('string').that.is.not.equal('');
      expect(await noticesAtLogin()).to.deep.equal([notice.payload]);
      expect(await noticesAtLogin()).to.deep.equal([notice.payload]);
      const listed = await api.call('GET', '/notices');
      expect(listAt(listed.body, 'notices')).to.have.length(1);
      await settled();
      await device.fence();
      expect(device.offers).to.equal(0);
      expect(await state(device)).to.equal('asked');
      expect(await reason(device)).to.equal('needs_approval');
    });

    it('gets OK with auto_update:true and then FIRMWARE_UPDATE once its owner says yes', async () => {
      const { device } = await asked();
      await owner.notice(device.udid);
      await owner.reply(device.udid, true);
      await device.nextOffer();
      const payloads = device.peer.inbox.all
        .filter(({ topic }) => topic === device.topic)
        .map(({ payload }) => JSON.parse(payload));
      expect(payloads.at(-1)).to.have.property('FIRMWARE_UPDATE', true);
      expect(at(payloads.at(-2), 'registration')).to.include({ status: 'OK', auto_update: true });
      await owner.cleared(device.udid);
      expect(await noticesAtLogin()).to.deep.equal([]);
      expect(listAt((await api.call('GET', '/notices')).body, 'notices')).to.deep.equal([]);
      await owner.event('approved', device.udid);
    });

    it('the whole way: asked, approved over HTTP, downloaded, installed', async () => {
      const { device } = await asked();
      const answer = await api.call('POST', `/notices/${device.udid}/reply`, { response: true });
      expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 204);
      const { url } = await device.nextOffer();
      await device.drop();
      expect((await device.download(url)).body.equals(IMAGE)).to.equal(true);
      device.version = '1.1.0';
      await device.start();
      await owner.event('installed', device.udid);
      expect(await state(device)).to.equal('installed');
    });

    it('approved while away, learns of it at its next availability, OK first', async () => {
      const { device } = await asked();
      await owner.notice(device.udid);
      await device.drop();
      await owner.event('checkout', device.udid);
      await owner.reply(device.udid, 'yes', 'string');
      await owner.event('approved', device.udid);
      expect(await state(device)).to.equal('approved');
      await device.start();
      await device.nextOffer();
      const kinds = device.peer.inbox.all.filter(({ topic }) => topic === device.topic);
      expect(at(JSON.parse(kinds.at(-2)?.payload ?? 'null'), 'registration')).to.include({
        status: 'OK',
        auto_update: true,
      });
    });

    it('a declined version is neither offered nor asked about again; a newer one is asked about', async () => {
      const { device } = await asked();
      await owner.notice(device.udid);
      await owner.reply(device.udid, false);
      await owner.cleared(device.udid);
      await owner.event('declined', device.udid);
      expect(await state(device)).to.equal('declined');
      await device.drop();
      await device.start();
      await device.next('ok');
      await settled();
      await device.fence();
      expect(device.offers).to.equal(0);
      expect(await noticesAtLogin()).to.deep.equal([]);
      await api.publish(madeUpImage(1000, 'next'), { version: '1.2.0', platform: PLATFORM });
      const notice = await owner.notice(device.udid);
      expect(at(JSON.parse(notice.payload), 'notification.version')).to.equal('1.2.0');
    });

    it('"later" takes the question away and asks it again', async () => {
      const { device } = await asked();
      await owner.notice(device.udid);
      await owner.reply(device.udid, 'later', 'string');
      await owner.cleared(device.udid);
      const notice = await owner.notice(device.udid);
      expect(at(JSON.parse(notice.payload), 'notification.version')).to.equal('1.1.0');
      await device.fence();
      expect(device.offers).to.equal(0);
    });

    it('a newer firmware replaces the question', async () => {
      const { device } = await asked();
      await owner.notice(device.udid);
      await api.publish(madeUpImage(1000, 'newer'), { version: '1.2.0', platform: PLATFORM });
      const notice = await owner.notice(device.udid);
      expect(at(JSON.parse(notice.payload), 'notification.version')).to.equal('1.2.0');
      expect(await noticesAtLogin()).to.deep.equal([notice.payload]);
    });

    it('the notice is cleared when the device reports the version', async () => {
      const { device } = await asked();
      await owner.notice(device.udid);
      await device.checkIn({ version: '1.1.0' });
      await owner.cleared(device.udid);
      expect(await noticesAtLogin()).to.deep.equal([]);
    });

    it('nonsense on reply topics answers nothing and cuts nobody off', async () => {
      const { device } = await asked();
      await owner.notice(device.udid);
      const topic = `${owner.noticeTopic(device.udid)}/reply`;
      const unknown = '00000000-0000-4000-8000-000000000000';
      for (const text of ['', '{', 'null', '{"notification":null}', '{"notification":{"response":{}}}'])
        await owner.peer.publish(topic, text);
      await owner.reply(device.udid, 'perhaps', 'string');
      await owner.reply(unknown, true);
      await owner.fence();
      await device.fence();
      expect(await state(device)).to.equal('asked');
      expect(device.offers).to.equal(0);
      const missing = await api.call('POST', `/notices/${unknown}/reply`, { response: true });
      expect(missing.status).to.equal(404);
      await owner.reply(device.udid, true);
      await device.nextOffer();
    });
  });

  describe("the owner's orders", () => {
    it('withdraw: the token dies, the notice goes, a device that polls over HTTP gets the cancel', async () => {
      const offered = await started(true);
      const asked = await started();
      const { id } = await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const { url } = await offered.nextOffer();
      await owner.notice(asked.udid);
      expect((await api.call('DELETE', `/firmware/${id}`)).status).to.equal(204);
      await owner.cleared(asked.udid);
      expect((await offered.download(url)).status).to.equal(404);
      expect(await state(offered)).to.equal('withdrawn');
      expect(listAt((await api.call('GET', '/firmware')).body, 'firmware')).to.deep.equal([]);
      await offered.drop();
      await offered.start();
      await offered.next('ok');
      await settled();
      await offered.fence();
      expect(offered.offers).to.equal(0);
      expect((await api.call('DELETE', `/firmware/${id}`)).status).to.equal(404);
    });

    it('withdraw cuts a download short or lets it be whole, and never completes the token', async () => {
      const device = await started(true);
      const { id } = await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      expect((await device.download(url, { Range: 'bytes=0-9' })).status).to.equal(206);
      expect((await api.call('DELETE', `/firmware/${id}`)).status).to.equal(204);
      expect((await device.download(url, { Range: 'bytes=10-' })).status).to.equal(404);
      expect(await state(device)).to.equal('withdrawn');
    });

    it('rollout none: stored, offered to nobody until the owner sends it', async () => {
      const device = await started(true);
      const { id, offered, asked } = await api.publish(IMAGE, {
        version: '1.1.0',
        platform: PLATFORM,
        rollout: 'none',
      });
      expect({ offered, asked }).to.deep.equal({ offered: 0, asked: 0 });
      await device.fence();
      expect(device.offers).to.equal(0);
      expect(await reason(device)).to.equal('not_released');
      const sent = await api.call('POST', `/devices/${device.udid}/update`, { firmware: id });
      expect(sent.status, JSON.stringify(sent.body)).to.be.within(200, 204);
      expect((await device.nextOffer()).version).to.equal('1.1.0');
    });

    it('an order is the consent: a device with auto update off is told at once, and its notice goes', async () => {
      const device = await started();
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await owner.notice(device.udid);
      const sent = await api.call('POST', `/devices/${device.udid}/update`, {});
      expect(sent.status, JSON.stringify(sent.body)).to.be.within(200, 204);
      await device.nextOffer();
      await owner.cleared(device.udid);
    });

    it('an older version needs forced, and then goes all the way', async () => {
      const device = newDevice();
      device.version = '2.0.0';
      await device.start();
      await device.next('ok');
      const { id } = await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const refused = await api.call('POST', `/devices/${device.udid}/update`, { firmware: id });
      expect(refused.status).to.equal(409);
      expect(at(refused.body, 'error.code')).to.equal('not_newer');
      const sent = await api.call('POST', `/devices/${device.udid}/update`, { firmware: id, forced: true });
      expect(sent.status, JSON.stringify(sent.body)).to.be.within(200, 204);
      const { url } = await device.nextOffer();
      await device.drop();
      expect((await device.download(url)).body.equals(IMAGE)).to.equal(true);
      device.version = '1.1.0';
      await device.start();
      await owner.event('installed', device.udid);
    });

    it('PATCH auto update on, and what waited for approval is offered without one', async () => {
      const device = await started();
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await owner.notice(device.udid);
      const patched = await api.call('PATCH', `/devices/${device.udid}`, {
        autoUpdate: true,
        alias: 'hall',
        tags: ['beta'],
      });
      expect(patched.status).to.equal(200);
      expect(at(patched.body, 'device')).to.deep.include({ autoUpdate: true, alias: 'hall', tags: ['beta'] });
      await device.drop();
      await device.start();
      await device.nextOffer();
      await owner.cleared(device.udid);
    });

    it("the owner's setting wins over what the device says of its build later", async () => {
      const device = await started(true);
      await api.call('PATCH', `/devices/${device.udid}`, { autoUpdate: false });
      await device.checkIn();
      await device.next('ok');
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await owner.notice(device.udid);
      await device.fence();
      expect(device.offers).to.equal(0);
    });
  });

  describe('uploads', () => {
    const stray = async (): Promise<string[]> => {
      const entries = await readdir(join(server.data, 'firmware'), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name)
        .sort();
    };

    it('what the updater would refuse is refused with a reason, and nothing is left behind', async () => {
      const before = await stray();
      const refuse = async (bytes: Buffer, platform: string, status?: number): Promise<void> => {
        const answer = await api.upload({ version: '1.1.0', platform, files: [['f.bin', bytes]] });
        expect(answer.status, JSON.stringify(answer.body)).to.be.within(400, 499);
        if (status !== undefined) expect(answer.status).to.equal(status);
        expect(at(answer.body, 'error.message')).to.be.a('string').that.is.not.equal('');
      };
      await refuse(Buffer.from('hello, I am a text'), 'arduino:esp8266');
      await refuse(Buffer.from([0xea, ...Buffer.alloc(500)]), 'platformio:esp8266');
      await refuse(Buffer.alloc(0), 'arduino:esp8266');
      await refuse(madeUpImage(17 * 1024 * 1024, 'too large'), 'arduino:esp8266', 413);
      const wrongChip = esp32(madeUpImage(1000, 'chip'));
      wrongChip.writeUInt16LE(2, 12);
      await refuse(wrongChip, 'arduino:esp32');
      expect(await stray()).to.deep.equal(before);
      expect(listAt((await api.call('GET', '/firmware')).body, 'firmware')).to.deep.equal([]);
    });

    it('the same version for the same target with other bytes is refused; the first stays', async () => {
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const before = await stray();
      const other = await api.upload({
        version: '1.1.0',
        platform: PLATFORM,
        files: [['f.bin', madeUpImage(500, 'other')]],
      });
      expect(other.status).to.equal(409);
      expect(await stray()).to.deep.equal(before);
      const [only, ...more] = listAt((await api.call('GET', '/firmware')).body, 'firmware');
      expect(at(only, 'sha256')).to.equal(sha256(IMAGE));
      expect(more).to.deep.equal([]);
    });
  });

  describe('downloads', () => {
    it('of two with one token the newer wins and the older is cut', async () => {
      const device = await started(true);
      const large = madeUpImage(12_000_000, 'two at once');
      await api.publish(large, { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      const older = exchange(server.httpDoor, getRequest(url));
      await older.got(1000);
      older.pause();
      const newer = await device.download(url);
      expect(newer.body.equals(large)).to.equal(true);
      older.resume();
      expect(isWhole(await older.answer), 'the older one').to.equal(false);
      expect((await device.download(url)).status).to.equal(404);
    });

    it('ranges that together cover it complete the token, in any order', async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      const tail = await device.download(url, { Range: 'bytes=100000-' });
      const early = await device.download(url, { Range: 'bytes=0-99999' });
      expect([tail.status, early.status]).to.deep.equal([206, 206]);
      expect(header(tail, 'content-range')).to.equal(`bytes 100000-299999/${IMAGE.length}`);
      expect(Buffer.concat([early.body, tail.body]).equals(IMAGE)).to.equal(true);
      await owner.event('downloaded', device.udid);
      expect((await device.download(url)).status).to.equal(404);
    });

    it('a cut download ends nothing: the token lives until one whole body has left', async () => {
      const device = await started(true);
      const large = madeUpImage(12_000_000, 'cut');
      await api.publish(large, { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      const first = exchange(server.httpDoor, getRequest(url));
      await first.got(50_000);
      first.cut();
      await first.answer;
      expect((await device.download(url)).body.equals(large)).to.equal(true);
      expect((await device.download(url)).status).to.equal(404);
    });

    it('an image larger than the free space is refused before any byte, and the owner is told', async () => {
      const device = await started(true);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      const answer = await device.download(url, { 'x-ESP8266-free-space': '200000' });
      expect(answer.status).to.equal(403);
      expect(answer.body.length).to.be.below(200);
      await owner.event('refused', device.udid);
      expect(await reason(device)).to.equal('image_too_large');
    });

    it('a request without a token, and one with an unknown token, are told apart from nothing else', async () => {
      const device = newDevice(true);
      const none = await device.download('/device/firmware');
      expect([none.status, none.body.toString()]).to.deep.equal([
        400,
        '{"success":false,"response":"OTT_MISSING"}',
      ]);
      const unknown = await device.download(`/device/firmware?ott=${'A'.repeat(43)}`);
      expect([unknown.status, unknown.body.toString()]).to.deep.equal([
        404,
        '{"success":false,"response":"OTT_UPDATE_NOT_FOUND"}',
      ]);
    });
  });

  it('the retained state of each device is there for a page that shows the fleet', async () => {
    const device = await started(true);
    await device.fence();
    const page = await MqttPeer.open({
      url: server.mqttUrl,
      ca: server.ca,
      username: account.owner,
      password: account.ownerKey,
    });
    await page.subscribe(`/${account.owner}/rtm/devices/+`);
    const message = await page.inbox.next('the state');
    expect(message.retain).to.equal(true);
    expect(message.topic).to.equal(`/${account.owner}/rtm/devices/${device.udid}`);
    expect(JSON.parse(message.payload)).to.include({ udid: device.udid, version: '1.0.0', online: true });
    await page.drop();
  });
};

describe('the main job, on a real server', theMainJob(startPlain));
describe('the main job, on a real server, over TLS', theMainJob(startSecure));
describe('the main job, on a real server, through a gateway', theMainJob(startBehindGateway));

/** Makes an image say in its extended header that it is for the ESP32. */
function esp32(image: Buffer): Buffer {
  const copy = Buffer.from(image);
  copy.writeUInt16LE(0, 12);
  return copy;
}
