import { createHash, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { at, listAt } from '../support/json.js';
import { type OwnerApi, ownerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { type Payload, readPayload } from '../support/payload.js';
import { exchange, header, post, type RawAnswer } from '../support/raw-http.js';
import { type Start, startBehindGateway, startPlain, startSecure } from '../support/secure-server.js';
import type { ServerProcess } from '../support/server-process.js';

const IMAGE = madeUpImage(200_000, 'http device');

/** What every answer to a device has to be (wire.md 4). */
function expectDeviceAnswer(answer: RawAnswer): void {
  expect(answer.closed).to.equal('end');
  expect(header(answer, 'connection')).to.equal('close');
  expect(header(answer, 'content-length')).to.equal(String(answer.body.length));
  expect(header(answer, 'transfer-encoding')).to.equal(undefined);
  expect(answer.head).not.to.contain('}}');
}

function expectFailure(answer: RawAnswer, status: number, code: string): void {
  expect([answer.status, answer.body.toString()]).to.deep.equal([
    status,
    JSON.stringify({ success: false, response: code }),
  ]);
  expectDeviceAnswer(answer);
}

/** The payload in the answer to a check-in. */
function checkInAnswer(answer: RawAnswer): Payload {
  expect(answer.status, answer.body.toString()).to.equal(200);
  expectDeviceAnswer(answer);
  expect(answer.body.length).to.be.at.most(511);
  expect(answer.first.length, 'one write').to.equal(answer.head.length + answer.body.length);
  return readPayload(answer.body.toString());
}

const aDeviceWithHttpOnly = (start: Start) => (): void => {
  let server: ServerProcess;
  let api: OwnerApi;
  let owner: OwnerPeer;

  before(async () => {
    server = await start({
      THROTTLE_SUBJECT_FAILURES_PER_MINUTE: '1000',
      THROTTLE_LOGIN_FAILURES_PER_MINUTE: '1000',
    });
    api = ownerApi(server);
  });
  after(() => server?.dispose());
  beforeEach(async () => {
    owner = await OwnerPeer.open(server);
  });
  afterEach(async () => {
    await owner.peer.drop();
    await api.clear();
  });

  function newDevice(autoUpdate?: boolean): Device {
    const device = new Device(server, server.account);
    device.autoUpdate = autoUpdate;
    return device;
  }
  const publish = (version = '1.1.0', image = IMAGE) => api.publish(image, { version, platform: PLATFORM });
  const state = async (device: Device): Promise<unknown> => at(await api.device(device.udid), 'update.state');

  describe('check-in', () => {
    it('the whole job: OK, offer, download, installed', async () => {
      const device = newDevice(true);
      const ok = checkInAnswer(await device.register());
      expect(ok.kind).to.equal('ok');
      expect(ok.registration).to.include({ udid: device.udid, owner: server.account.owner });
      await publish();
      const offer = checkInAnswer(await device.register());
      expect(offer.kind).to.equal('update');
      expect(offer.registration).to.include({ version: '1.1.0', udid: device.udid });
      const answer = await device.download(String(offer.registration['url']));
      expect(answer.body.equals(IMAGE)).to.equal(true);
      device.version = '1.1.0';
      expect(checkInAnswer(await device.register()).kind).to.equal('ok');
      await owner.event('installed', device.udid);
      expect(await state(device)).to.equal('installed');
    });

    it('the outer FIRMWARE_UPDATE stands there for a check-in with fcid, and only for that', async () => {
      const device = newDevice(true);
      await publish();
      expect(checkInAnswer(await device.register()).flagged).to.equal(false);
      const flagged = checkInAnswer(await device.register({ fcid: '1640EF' }));
      expect([flagged.kind, flagged.flagged]).to.deep.equal(['update', true]);
    });

    it('is always answered, with a new token that ends the one before', async () => {
      const device = newDevice(true);
      await publish();
      const [first, second] = [await device.register(), await device.register()].map(checkInAnswer);
      expect(second?.registration['ott']).not.to.equal(first?.registration['ott']);
      expect((await device.download(String(first?.registration['url']))).status).to.equal(404);
      expect((await device.download(String(second?.registration['url']))).status).to.equal(200);
    });

    it('a withdrawn offer is cancelled for a check-in without fcid; one with it gets OK', async () => {
      const [plain, flagged] = [newDevice(true), newDevice(true)];
      const { id } = await publish();
      expect(checkInAnswer(await plain.register()).kind).to.equal('update');
      expect(checkInAnswer(await flagged.register({ fcid: '1640EF' })).kind).to.equal('update');
      await api.call('DELETE', `/firmware/${id}`);
      expect(checkInAnswer(await plain.register()).kind).to.equal('cancel');
      expect(checkInAnswer(await flagged.register({ fcid: '1640EF' })).kind).to.equal('ok');
      expect(checkInAnswer(await newDevice(true).register()).kind, 'never offered').to.equal('ok');
    });

    it('a device without a UDID gets one, an alias, auto_update:false, and is known by its MAC', async () => {
      const device = newDevice();
      const { account } = server;
      const body = (mac: string): string =>
        JSON.stringify({ registration: { mac, owner: account.owner, alias: 'unnamed', platform: PLATFORM } });
      const register = async (mac: string): Promise<Record<string, unknown>> =>
        checkInAnswer(await post(server.httpDoor, '/device/register', body(mac), account.deviceKey))
          .registration;
      const first = await register('5CCF7F1A2B3C');
      expect(first['udid']).to.match(/^[0-9a-f-]{36}$/i);
      expect(first['auto_update']).to.equal(false);
      expect(first['alias']).not.to.equal('unnamed');
      for (const mac of ['5c:cf:7f:1a:2b:3c', '5C-CF-7F-1A-2B-3C'])
        expect((await register(mac))['udid']).to.equal(first['udid']);
      expect((await register(device.mac))['udid']).not.to.equal(first['udid']);
      expect(listAt((await api.call('GET', '/devices')).body, 'devices')).to.have.length(2);
    });

    it('the key may stand in Authorization: Bearer', async () => {
      const device = newDevice();
      const body = device.body();
      const request = [
        'POST /device/register HTTP/1.1',
        'Host: 127.0.0.1',
        `Authorization: Bearer ${server.account.deviceKey}`,
        'Content-Type: application/json',
        `Content-Length: ${Buffer.byteLength(body)}`,
        '',
        body,
      ];
      const answer = await exchange(server.httpDoor, request.join('\r\n')).answer;
      expect(checkInAnswer(answer).kind).to.equal('ok');
    });

    it('names what is wrong, and never echoes the text received', async () => {
      const { owner: ownerId, deviceKey } = server.account;
      const register = (body: string, key?: string): Promise<RawAnswer> =>
        post(server.httpDoor, '/device/register', body, key);
      const good = newDevice().body();
      const of = (id: string): string => JSON.stringify({ registration: { mac: '5CCF7F000001', owner: id } });
      const other = await server.addOwner(`other-${randomUUID().slice(0, 8)}`);
      expectFailure(await register('', deviceKey), 400, 'no_body');
      for (const body of ['{}', '{"registration":{}}', '{"registration":null}'])
        expectFailure(await register(body, deviceKey), 400, 'request_invalid');
      expectFailure(await register(good), 401, 'authentication_error');
      expectFailure(await register(of(ownerId), 'ab'.repeat(32)), 403, 'apikey_not_found');
      expectFailure(await register(of(ownerId), other.deviceKey), 403, 'owner_found_but_no_key');
      expectFailure(
        await register('{"registration":{"mac":"5CCF7F000001"}}', 'ab'.repeat(32)),
        403,
        'apikey_not_found',
      );
      expectFailure(await register(of('<script>no owner'), deviceKey), 403, 'invalid owner');
      expect(listAt((await api.call('GET', '/devices')).body, 'devices')).to.deep.equal([]);
    });
  });

  describe('POST /device/firmware', () => {
    it('"use":"ott" answers a token for the very firmware, also at POST /device/', async () => {
      await publish();
      for (const path of ['/device/firmware', '/device/']) {
        for (const isNested of [false, true]) {
          const device = newDevice(true);
          await device.register();
          const fields = { mac: device.mac, udid: device.udid, owner: server.account.owner, use: 'ott' };
          const body = JSON.stringify(isNested ? { registration: fields } : fields);
          const answer = await post(server.httpDoor, path, body, server.account.deviceKey);
          expect(answer.status, answer.body.toString()).to.equal(200);
          expectDeviceAnswer(answer);
          const text = answer.body.toString();
          expect(text).to.match(/^\{"ott":"[A-Za-z0-9_-]{43}"\}$/);
          const image = await device.download(`/device/firmware?ott=${at(JSON.parse(text), 'ott')}`);
          expect(image.body.equals(IMAGE)).to.equal(true);
        }
      }
    });

    it('without use: the firmware itself is the body, with the headers of a download', async () => {
      const device = newDevice(true);
      await device.register();
      await publish();
      const answer = await device.fetchByPost();
      expect(answer.status).to.equal(200);
      expectDeviceAnswer(answer);
      expect(answer.body.equals(IMAGE)).to.equal(true);
      expect(header(answer, 'x-md5')).to.equal(createHash('md5').update(IMAGE).digest('hex'));
      expect(header(answer, 'content-type')).to.equal('application/octet-stream');
      device.version = '1.1.0';
      await device.register();
      await owner.event('installed', device.udid);
    });

    it('nothing newer and no firmware at all are told apart', async () => {
      const device = newDevice(true);
      await device.register();
      expectFailure(await device.fetchByPost(), 404, 'UPDATE_NOT_FOUND');
      await publish('1.0.0');
      const same = await device.fetchByPost();
      expect([same.status, same.body.toString()]).to.deep.equal([200, '{"success":false,"status":"OK"}']);
      expectDeviceAnswer(same);
    });

    it('consent holds: auto update off is answered as nothing newer, and the owner is asked', async () => {
      const device = newDevice();
      await device.register();
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM, rollout: 'all-at-once' });
      await owner.notice(device.udid);
      const held = await device.fetchByPost();
      expect([held.status, held.body.toString()]).to.deep.equal([200, '{"success":false,"status":"OK"}']);
      const ott = await device.fetchByPost({ use: 'ott' });
      const token = at(JSON.parse(ott.body.toString()), 'ott');
      if (token !== undefined) {
        const image = await device.download(`/device/firmware?ott=${token}`);
        expect(image.body.includes(IMAGE.subarray(0, 1000)), 'bytes without consent').to.equal(false);
      }
      expect(checkInAnswer(await device.register()).kind).to.equal('ok');
      await owner.reply(device.udid, true);
      await owner.event('approved', device.udid);
      expect((await device.fetchByPost()).body.equals(IMAGE)).to.equal(true);
    });

    for (const forced of [true, 'true'])
      it(`forced as ${typeof forced}: the newest even if it is not newer and auto update is off`, async () => {
        const device = newDevice();
        device.version = '3.0.0';
        await device.register();
        await publish();
        const answer = await device.fetchByPost({ forced });
        expect([answer.status, answer.body.length]).to.deep.equal([200, IMAGE.length]);
        expect(answer.body.equals(IMAGE)).to.equal(true);
      });

    it('forced counts only where it is true', async () => {
      const device = newDevice();
      device.version = '3.0.0';
      await device.register();
      await publish();
      for (const forced of [false, 'false', '', 'no', 0, null, {}]) {
        const answer = await device.fetchByPost({ forced });
        expect(answer.body.length, `forced: ${JSON.stringify(forced)}`).to.be.below(100);
        expect(answer.status).to.be.oneOf([200, 400]);
      }
    });

    it('a forced transfer that was whole is not repeated at once without force', async () => {
      const device = newDevice();
      device.version = '3.0.0';
      await device.register();
      await publish();
      expect((await device.fetchByPost({ forced: true })).body.equals(IMAGE)).to.equal(true);
      await owner.event('downloaded', device.udid);
      expect((await device.fetchByPost()).body.length).to.be.below(100);
    });

    it('names what is wrong', async () => {
      const { owner: id, deviceKey } = server.account;
      const send = (fields: unknown, key?: string): Promise<RawAnswer> =>
        post(server.httpDoor, '/device/firmware', JSON.stringify(fields), key);
      const device = newDevice();
      await device.register();
      expectFailure(await send({ owner: id, alias: 'x' }, deviceKey), 400, 'missing_mac');
      expectFailure(await send({ mac: device.mac, udid: device.udid, owner: id }), 401, 'authentication');
      expectFailure(
        await send({ mac: device.mac, udid: device.udid, owner: id }, 'cd'.repeat(32)),
        401,
        'authentication',
      );
      expectFailure(
        await send({ mac: '5CCF7FFFFFFF', udid: randomUUID(), owner: id }, deviceKey),
        404,
        'no_such_device',
      );
    });
  });

  describe('a multi-file platform', () => {
    const BINARY = Buffer.from([0, 255, 254, 10, 13, 195, 40]);
    const TEXT = 'print("hällo")\n';

    it('gets one JSON, text as text and bytes as base64, by transfer and by token alike', async () => {
      const device = newDevice(true);
      device.platform = 'micropython';
      await device.register();
      const upload = await api.upload({
        version: '1.1.0',
        platform: 'micropython',
        files: [
          ['boot.py', TEXT],
          ['logo.raw', BINARY],
        ],
      });
      expect(upload.status, JSON.stringify(upload.body)).to.equal(201);
      expect(listAt(upload.body, 'firmware.files').map((file) => at(file, 'name'))).to.deep.equal([
        'boot.py',
        'logo.raw',
      ]);
      const expected = {
        type: 'file',
        files: [
          { name: 'boot.py', data: TEXT },
          { name: 'logo.raw', data: BINARY.toString('base64'), encoding: 'base64' },
        ],
      };
      const offer = checkInAnswer(await device.register());
      const byToken = await device.download(String(offer.registration['url']));
      expect(byToken.status).to.equal(200);
      expect(JSON.parse(byToken.body.toString())).to.deep.equal(expected);
      const other = newDevice(true);
      other.platform = 'micropython';
      await other.register();
      const byPost = await other.fetchByPost();
      expectDeviceAnswer(byPost);
      expect(JSON.parse(byPost.body.toString())).to.deep.equal(expected);
    });
  });
};

describe('a device that speaks HTTP only', aDeviceWithHttpOnly(startPlain));
describe('a device that speaks HTTP only, over TLS', aDeviceWithHttpOnly(startSecure));
describe('a device that speaks HTTP only, through a gateway', aDeviceWithHttpOnly(startBehindGateway));
