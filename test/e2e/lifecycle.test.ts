import { access, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { ownerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { readPayload } from '../support/payload.js';
import { exchange, getRequest, isWhole, type RawExchange } from '../support/raw-http.js';
import { newDataFolder, type Overrides, runProgram, ServerProcess } from '../support/server-process.js';

const LARGE = madeUpImage(15_000_000, 'lifecycle');

describe('the life of the server', function () {
  this.timeout(30_000);
  const started: ServerProcess[] = [];
  const start = async (overrides?: Overrides, data?: string): Promise<ServerProcess> => {
    const server = await ServerProcess.start(overrides, data);
    started.push(server);
    return server;
  };
  afterEach(async () => {
    for (const server of started.splice(0)) await server.dispose();
  });

  const exists = (server: ServerProcess, name: string): Promise<boolean> =>
    access(join(server.data, name)).then(
      () => true,
      () => false,
    );

  /** Sends SIGTERM; how it ended and after how many ms. */
  async function terminate(server: ServerProcess): Promise<{ code: number | null; ms: number }> {
    const begun = performance.now();
    server.signal('SIGTERM');
    const { code } = await server.exited;
    return { code, ms: performance.now() - begun };
  }

  /** A download that is held up in the middle. */
  async function slowDownload(server: ServerProcess): Promise<{ running: RawExchange; url: string }> {
    await ownerApi(server).publish(LARGE, { version: '1.1.0', platform: PLATFORM });
    const device = new Device(server, server.account);
    device.autoUpdate = true;
    const url = String(readPayload((await device.register()).body.toString()).registration['url']);
    const running = exchange(server.httpPort, getRequest(url));
    await running.got(10_000);
    running.pause();
    return { running, url };
  }

  /** Resolves with the status of /ready once it is no longer 200. */
  async function refused(server: ServerProcess): Promise<number> {
    for (;;) {
      const answer = await fetch(`${server.httpUrl}/ready`, { headers: { connection: 'close' } }).catch(
        () => undefined,
      );
      await answer?.arrayBuffer();
      if (answer?.status !== 200) return answer?.status ?? 0;
      await setImmediate();
    }
  }

  describe('start', () => {
    it('the first makes an owner, with a file only its user may read, and prints where it is but no key', async () => {
      const server = await start();
      const path = join(server.data, 'credentials.json');
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
      const credentials = JSON.parse(await readFile(path, 'utf8'));
      expect(credentials).to.have.all.keys('owner', 'ownerKey', 'deviceKey');
      for (const value of Object.values(credentials)) expect(value).to.match(/^[0-9a-f]{64}$/);
      expect(new Set(Object.values(credentials)).size).to.equal(3);
      const runtime = JSON.parse(await readFile(join(server.data, 'runtime.json'), 'utf8'));
      expect(runtime).to.deep.equal({
        pid: server.pid,
        mqttPort: server.mqttPort,
        httpPort: server.httpPort,
      });
      await ownerApi(server).call('GET', '/devices');
      const device = new Device(server, server.account);
      await device.start();
      await device.next('ok');
      await terminate(server);
      expect(server.out).to.contain(path);
      expect(server.out).to.contain(String(server.mqttPort)).and.to.contain(String(server.httpPort));
      for (const key of [credentials.ownerKey, credentials.deviceKey])
        expect(`${server.out}${server.err}`).not.to.contain(key);
    });

    it('no key gets into the log, at the most talkative level either', async () => {
      const server = await start({ LOG_LEVEL: 'trace' });
      const { owner, ownerKey, deviceKey } = server.account;
      const device = new Device(server, server.account);
      await device.start();
      await device.next('ok');
      await device.register();
      await OwnerPeer.open(server).then(({ peer }) => peer.drop());
      const wrong = 'fe'.repeat(32);
      await MqttPeer.open({ url: server.mqttUrl, username: owner, password: wrong }).catch(() => undefined);
      await ownerApi(server, { ...server.account, ownerKey: wrong }).call('GET', '/devices');
      await ownerApi(server).call('POST', '/keys', { alias: 'x', scope: 'device' });
      await device.drop();
      await terminate(server);
      expect(server.err, 'there is a log').not.to.equal('');
      for (const key of [ownerKey, deviceKey, wrong])
        expect(`${server.out}${server.err}`).not.to.contain(key);
    });

    it('a second start keeps the owner, the devices, the firmware and what was retained', async () => {
      const first = await start();
      const device = new Device(first, first.account);
      await device.start();
      await device.next('ok');
      await device.peer.publish(`${device.topic}/light`, 'on', { retain: true });
      await device.fence();
      await device.drop();
      await ownerApi(first).publish(madeUpImage(1000, 'kept'), { version: '1.1.0', platform: PLATFORM });
      const credentials = await readFile(join(first.data, 'credentials.json'), 'utf8');
      expect((await terminate(first)).code).to.equal(0);
      const second = await start({}, first.data);
      expect(await readFile(join(second.data, 'credentials.json'), 'utf8')).to.equal(credentials);
      expect(second.out).not.to.contain('credentials.json');
      expect(await ownerApi(second).device(device.udid)).to.include({ udid: device.udid, online: false });
      const owner = await OwnerPeer.open(second);
      await owner.notice(device.udid);
      await owner.peer.subscribe(`${device.topic}/light`);
      const light = await owner.peer.inbox.next('what was retained', ({ topic }) => topic.endsWith('/light'));
      expect(light).to.include({ payload: 'on', retain: true });
      await owner.peer.drop();
    });

    const wrong: [string, Overrides, string][] = [
      ['a value of the wrong kind', { MQTT_PORT: 'many' }, 'mqtt.port'],
      ['a negative time', { OFFERS_SETTLE_SECONDS: '-1' }, 'offers.settleSeconds'],
      ['an unknown variable', { MQTT_PROT: '1' }, 'FIRMWIRE_MQTT_PROT'],
    ];
    for (const [what, overrides, name] of wrong)
      it(`${what} stops the start and is named: ${name}`, async () => {
        const data = await newDataFolder();
        const ended = await runProgram(['serve'], data, overrides);
        expect(ended.code).to.be.above(0);
        expect(ended.err).to.contain(name);
        expect(ended.err.trim().split('\n').length, ended.err).to.be.below(5);
        await rm(data, { recursive: true });
      });

    it('an unknown key in config.yaml stops the start and is named', async () => {
      const data = await newDataFolder();
      await writeFile(join(data, 'config.yaml'), 'mqtt:\n  prot: 1883\n');
      const ended = await runProgram(['serve'], data, { CONFIG: join(data, 'config.yaml') });
      expect(ended.code).to.be.above(0);
      expect(ended.err).to.contain('mqtt.prot');
      await rm(data, { recursive: true });
    });

    it('a port that is taken stops the start, says so, and leaves no runtime.json', async () => {
      const first = await start();
      const data = await newDataFolder();
      const ended = await runProgram(['serve'], data, { MQTT_PORT: String(first.mqttPort) });
      expect(ended.code).to.be.above(0);
      expect(ended.err).to.contain(String(first.mqttPort));
      expect(await access(join(data, 'runtime.json')).catch(() => 'none')).to.equal('none');
      await rm(data, { recursive: true });
    });
  });

  describe('stop', () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      it(`${signal} ends it at once where no download is in flight, with clients connected, and cleans up`, async () => {
        const server = await start();
        const device = new Device(server, server.account);
        await device.start();
        const { peer } = device;
        const owner = await OwnerPeer.open(server);
        // An idle keep-alive connection is no work either.
        await fetch(`${server.httpUrl}/health`).then((answer) => answer.arrayBuffer());
        const begun = performance.now();
        server.signal(signal);
        expect(await server.exited).to.deep.equal({ code: 0, signal: null });
        expect(performance.now() - begun).to.be.below(3000);
        await Promise.all([peer.closed, owner.peer.closed]);
        expect(await exists(server, 'runtime.json')).to.equal(false);
        expect(server.err).to.equal('');
      });

    it('a download in flight goes on to its end, while new work is refused', async () => {
      const server = await start();
      const { running, url } = await slowDownload(server);
      server.signal('SIGTERM');
      expect(await refused(server)).to.equal(503);
      expect((await fetch(`${server.httpUrl}/health`)).status, 'the process lives').to.equal(200);
      const api = await ownerApi(server).call('GET', '/devices');
      expect(api.status).to.equal(503);
      const device = new Device(server, server.account);
      expect((await device.register()).status).to.equal(503);
      const mqtt = await device.connect().then(
        () => 'accepted',
        () => 'refused',
      );
      expect(mqtt).to.equal('refused');
      running.resume();
      const answer = await running.answer;
      expect(answer.body.equals(LARGE)).to.equal(true);
      expect(await server.exited).to.deep.equal({ code: 0, signal: null });
      expect(await exists(server, 'runtime.json')).to.equal(false);
      const next = await start({}, server.data);
      expect((await exchange(next.httpPort, getRequest(url)).answer).status, 'the token').to.equal(404);
    });

    it('a download that does not move is cut after shutdown.drainSeconds; its token lives on', async () => {
      const server = await start({ SHUTDOWN_DRAIN_SECONDS: '1' });
      const { running, url } = await slowDownload(server);
      const { code, ms } = await terminate(server);
      expect(code).to.equal(0);
      expect(ms).to.be.within(900, 5000);
      running.resume();
      expect(isWhole(await running.answer)).to.equal(false);
      const next = await start({}, server.data);
      expect((await exchange(next.httpPort, getRequest(url)).answer).body.equals(LARGE)).to.equal(true);
    });
  });
});
