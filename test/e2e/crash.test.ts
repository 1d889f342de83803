import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { at, listAt } from '../support/json.js';
import { ownerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { readPayload } from '../support/payload.js';
import { exchange, getRequest, isWhole } from '../support/raw-http.js';
import { ServerProcess } from '../support/server-process.js';

describe('kill -9 at any moment', function () {
  this.timeout(40_000);
  let server: ServerProcess;

  beforeEach(async () => {
    server = await ServerProcess.start();
  });
  afterEach(() => server?.dispose());

  function newDevice(autoUpdate?: boolean): Device {
    const device = new Device(server, server.account);
    device.autoUpdate = autoUpdate;
    return device;
  }

  /** Every file of the data folder but the store's own, and what keeps room for it. */
  async function files(): Promise<string[]> {
    const entries = await readdir(server.data, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(server.data, join(entry.parentPath, entry.name)))
      .filter((path) => !path.startsWith('store') && path !== 'reserve')
      .sort();
  }

  /** The versions that are published, and that each can be had whole. */
  async function firmware(): Promise<unknown[]> {
    const { body } = await ownerApi(server).call('GET', '/firmware');
    return listAt(body, 'firmware').map((item) => at(item, 'version'));
  }

  /** An upload as raw bytes, so that the test can stop in the middle of it. */
  async function uploadRequest(image: Buffer): Promise<{ head: string; body: Buffer }> {
    const form = new Request('http://x', { method: 'POST', body: formOf(image) });
    const type = form.headers.get('content-type') ?? '';
    const body = Buffer.from(await form.arrayBuffer());
    const head = [
      'POST /api/v1/firmware HTTP/1.1',
      'Host: 127.0.0.1',
      `Authorization: Bearer ${server.account.ownerKey}`,
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
      '',
      '',
    ].join('\r\n');
    return { head, body };
  }

  /** The token of an HTTP check-in's offer. */
  async function offerFor(device: Device): Promise<string> {
    device.server = server;
    const payload = readPayload((await device.register()).body.toString());
    expect(payload.kind).to.equal('update');
    return String(payload.registration['url']);
  }

  it('what was answered 201 is there, and is served whole', async () => {
    for (const [round, size] of [1000, 5_000_000].entries()) {
      const image = madeUpImage(size, `acknowledged ${round}`);
      await ownerApi(server).publish(image, { version: `1.${round}.1`, platform: PLATFORM });
      server = await server.killAndRestart();
      expect(await firmware()).to.have.length(round + 1);
      const answer = await newDevice(true).download(await offerFor(newDevice(true)));
      expect(answer.body.equals(image), `the bytes of round ${round}`).to.equal(true);
    }
  });

  it('a kill in the middle of an upload leaves nothing visible, and the upload can be repeated', async () => {
    const image = madeUpImage(8_000_000, 'half');
    const { head, body } = await uploadRequest(image);
    for (const share of [0.9, 1]) {
      const socket = connect(server.httpPort, '127.0.0.1');
      socket.on('error', () => {});
      let answered = '';
      socket.on('data', (bytes) => {
        answered += bytes;
      });
      socket.write(head);
      // What lies in the sockets' buffers is at most a few MB: most of the sent part has been read by the server.
      await new Promise<void>((resolve) => {
        socket.write(body.subarray(0, Math.floor(body.length * share)), () => resolve());
      });
      await server.kill();
      socket.destroy();
      server = await ServerProcess.start(server.overrides, server.data);
      const versions = await firmware();
      if (share < 1) expect(versions, `after ${share}`).to.deep.equal([]);
      if (versions.length === 0) {
        expect(answered).not.to.contain(' 201 ');
        expect(readPayload((await newDevice(true).register()).body.toString()).kind).to.equal('ok');
      }
    }
    const again = await ownerApi(server).upload({
      version: '1.1.0',
      platform: PLATFORM,
      files: [['firmware.bin', image]],
    });
    expect(again.status).to.be.within(200, 201);
    const device = newDevice(true);
    expect((await device.download(await offerFor(device))).body.equals(image)).to.equal(true);
  });

  it('a kill in the middle of an upload leaves no stray bytes on disk', async () => {
    const empty = await files();
    const { head, body } = await uploadRequest(madeUpImage(8_000_000, 'stray'));
    const socket = connect(server.httpPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(head);
    await new Promise<void>((resolve) => {
      socket.write(body.subarray(0, 7_000_000), () => resolve());
    });
    // The server has begun to store it: killed any earlier, there would be nothing to leave behind.
    while ((await files()).length === empty.length) await setImmediate();
    await server.kill();
    socket.destroy();
    server = await ServerProcess.start(server.overrides, server.data);
    expect(await files()).to.deep.equal(empty);
  });

  it('a device that is owed an offer gets it at its next availability', async () => {
    const image = madeUpImage(50_000, 'owed');
    const away = newDevice(true);
    const told = newDevice(true);
    await away.register();
    await told.start();
    await told.next('ok');
    await ownerApi(server).publish(image, { version: '1.1.0', platform: PLATFORM });
    const before = await told.nextOffer();
    server = await server.killAndRestart();
    for (const device of [away, told]) {
      device.server = server;
      await device.subscribe();
      const { url, ott } = await device.nextOffer();
      expect(ott).not.to.equal(before.ott);
      expect((await device.download(url)).body.equals(image)).to.equal(true);
      await device.drop();
    }
  });

  it('a token never completes twice: a client gets at most one whole body for it', async () => {
    const image = madeUpImage(3_000_000, 'twice');
    await ownerApi(server).publish(image, { version: '1.1.0', platform: PLATFORM });
    const completed: number[] = [];
    // Bytes beyond the image's own when the kill comes; the head is a few hundred bytes, so 400 is the very end.
    for (const margin of [-1_000_000, -65_536, -1, 0, 400]) {
      const urls = [];
      for (let device = 0; device < 5; device += 1) urls.push(await offerFor(newDevice(true)));
      const first = urls.map((url) => exchange(server.httpPort, getRequest(url)));
      await Promise.race(first.flatMap((running) => [running.got(image.length + margin), running.answer]));
      server = await server.killAndRestart();
      for (const [index, url] of urls.entries()) {
        const answers = [await first[index]?.answer].filter((answer) => answer !== undefined);
        for (let again = 0; again < 2; again += 1)
          answers.push(await exchange(server.httpPort, getRequest(url)).answer);
        const whole = answers.filter(isWhole);
        expect(whole.length, `whole bodies for one token, margin ${margin}`).to.be.at.most(1);
        for (const answer of whole) expect(answer.body.equals(image)).to.equal(true);
        for (const answer of answers.slice(1)) expect(answer.status).to.be.oneOf([200, 404]);
        completed.push(whole.length);
      }
    }
    expect(completed).to.have.length(25).and.to.include(1);
  });

  it('a token whose body has left only in part stays alive, and then completes once', async () => {
    const image = madeUpImage(15_000_000, 'part');
    await ownerApi(server).publish(image, { version: '1.1.0', platform: PLATFORM });
    const url = await offerFor(newDevice(true));
    const first = exchange(server.httpPort, getRequest(url));
    await first.got(10_000);
    first.pause();
    const killed = server.killAndRestart();
    first.resume();
    server = await killed;
    expect(isWhole(await first.answer)).to.equal(false);
    expect((await exchange(server.httpPort, getRequest(url)).answer).body.equals(image)).to.equal(true);
    expect((await exchange(server.httpPort, getRequest(url)).answer).status).to.equal(404);
  });

  it('a transfer that ended whole and was heard of by the owner is still dead and downloaded', async () => {
    const image = madeUpImage(50_000, 'whole');
    const device = newDevice(true);
    await ownerApi(server).publish(image, { version: '1.1.0', platform: PLATFORM });
    const owner = await OwnerPeer.open(server);
    const url = await offerFor(device);
    await device.download(url);
    await owner.event('downloaded', device.udid);
    server = await server.killAndRestart();
    device.server = server;
    expect((await device.download(url)).status).to.equal(404);
    device.version = '1.1.0';
    const later = await OwnerPeer.open(server);
    await device.start();
    await later.event('installed', device.udid);
    await Promise.all([device.drop(), later.peer.drop()]);
  });

  it("the owner's yes and no, acknowledged over MQTT, are not lost", async () => {
    await ownerApi(server).publish(madeUpImage(5000, 'answers'), { version: '1.1.0', platform: PLATFORM });
    // The last answer of a round is acknowledged just before the kill.
    for (const last of [true, false]) {
      const answered = [!last, last].map((response) => ({ response, device: newDevice() }));
      const owner = await OwnerPeer.open(server);
      for (const { device } of answered) {
        await device.register();
        await owner.notice(device.udid);
      }
      for (const { device, response } of answered) await owner.reply(device.udid, response);
      server = await server.killAndRestart();
      const later = await OwnerPeer.open(server);
      await later.fence();
      for (const { device, response } of answered) {
        const shown = await ownerApi(server).device(device.udid);
        expect(at(shown, 'update.state')).to.equal(response ? 'approved' : 'declined');
        const open = later.peer.inbox.all.filter(({ topic }) => topic === later.noticeTopic(device.udid));
        expect(open, 'a question that was answered').to.deep.equal([]);
        device.server = server;
        await device.start();
        if (response) await device.nextOffer();
        else await device.next('ok');
        await device.drop();
      }
      await later.peer.drop();
    }
  });

  it("the owner's open question is there after a restart, once, and can be answered", async () => {
    const device = newDevice();
    await device.register();
    await ownerApi(server).publish(madeUpImage(5000, 'asked'), { version: '1.1.0', platform: PLATFORM });
    server = await server.killAndRestart();
    const owner = await OwnerPeer.open(server);
    const notice = await owner.notice(device.udid);
    expect(notice.retain).to.equal(true);
    await owner.fence();
    const all = owner.peer.inbox.all.filter(({ topic }) => topic === owner.noticeTopic(device.udid));
    expect(all).to.have.length(1);
    device.server = server;
    await device.start();
    await device.next('ok');
    await owner.reply(device.udid, true);
    await device.nextOffer();
    await Promise.all([device.drop(), owner.peer.drop()]);
  });

  it('what has happened to a device is still told, and its history goes on', async () => {
    const device = newDevice(false);
    await device.register();
    const told = async () => {
      const { body } = await ownerApi(server).call('GET', `/devices/${device.udid}/events`);
      return listAt(body, 'events').map((event) => [at(event, 'event'), at(event, 'count')]);
    };
    // Who is told it has it written before.
    expect(await told()).to.deep.equal([
      ['checkin', undefined],
      ['created', undefined],
    ]);
    server = await server.killAndRestart();
    device.server = server;
    await device.register();
    expect(await told()).to.deep.equal([
      ['checkin', 2],
      ['created', undefined],
    ]);
  });

  it('an answered PATCH, a revoked key and a withdrawal are not undone', async () => {
    const api = ownerApi(server);
    const device = newDevice(true);
    await device.register();
    const made = await api.call('POST', '/keys', { alias: 'lost', scope: 'device' });
    expect(made.status).to.equal(201);
    const list = listAt((await api.call('GET', '/keys')).body, 'keys');
    const id = at(
      list.find((key) => at(key, 'alias') === 'lost'),
      'id',
    );
    const { id: firmwareId } = await api.publish(madeUpImage(900, 'gone'), {
      version: '1.1.0',
      platform: PLATFORM,
    });
    const answers = await Promise.all([
      api.call('PATCH', `/devices/${device.udid}`, { autoUpdate: false }),
      api.call('DELETE', `/keys/${id}`),
      api.call('DELETE', `/firmware/${firmwareId}`),
    ]);
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 204, 204]);
    server = await server.killAndRestart();
    const after = ownerApi(server);
    expect(await after.device(device.udid)).to.have.property('autoUpdate', false);
    const keys = listAt((await after.call('GET', '/keys')).body, 'keys');
    expect(keys.map((key) => at(key, 'alias'))).not.to.include('lost');
    expect(await firmware()).to.deep.equal([]);
    expect(await files()).to.deep.equal(['credentials.json', 'runtime.json']);
  });
});

function formOf(image: Buffer): FormData {
  const form = new FormData();
  form.append('version', '1.1.0');
  form.append('platform', PLATFORM);
  form.append('file', new Blob([image]), 'firmware.bin');
  return form;
}
