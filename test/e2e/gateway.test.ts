import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bonjour, type Service, type ServiceConfig } from 'bonjour-service';
import { expect } from 'chai';
import { sha256 } from '../../core/account.js';
import { signManifest } from '../../core/signing/sign.js';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { testAuthority } from '../support/certificates.js';
import { Device, PLATFORM } from '../support/device.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { largeImage } from '../support/images.js';
import { Inbox } from '../support/inbox.js';
import { at, parsed } from '../support/json.js';
import { ownerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { exchange, get, getRequest, header, isWhole, post, type RawAnswer } from '../support/raw-http.js';
import { type SecureServer, secureServer } from '../support/secure-server.js';
import type { ServerProcess } from '../support/server-process.js';
import { aPair, someClaims } from '../support/signing.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const IMAGE = madeUpImage(300_000, 'gateway');

describe('firmwire connect, between real devices and a real server', () => {
  let secure: SecureServer;
  let server: ServerProcess;
  /** The uplink: what passes here passes between gateway and server. */
  let https: TcpProxy;
  let mqtts: TcpProxy;
  let gateway: GatewayProcess;
  const peers: Device[] = [];

  const uplink = () => ({ httpsPort: https.port, mqttsPort: mqtts.port });
  const startGateway = (folder?: string, more?: readonly string[]) =>
    GatewayProcess.before(uplink(), secure.authority.ca, more, folder);

  /** A device that knows the gateway and nothing else. */
  function newDevice(): Device {
    const device = new Device(
      {
        get mqttUrl() {
          return `mqtt://127.0.0.1:${gateway.mqttPort}`;
        },
        get httpDoor() {
          return gateway.httpPort;
        },
        ca: undefined,
      },
      server.account,
    );
    device.autoUpdate = true;
    peers.push(device);
    return device;
  }

  /** Devices that are offered this image, each with its token. */
  async function offered(
    count: number,
    image: Buffer,
    version = '1.1.0',
  ): Promise<{ device: Device; url: string }[]> {
    const devices = Array.from({ length: count }, newDevice);
    for (const device of devices) await device.register();
    await ownerApi(server).publish(image, { version, platform: PLATFORM });
    return Promise.all(devices.map(async (device) => ({ device, url: urlIn(await device.register()) })));
  }

  const urlIn = ({ body }: RawAnswer): string => String(at(parsed(body.toString()), 'registration.url'));

  before(async () => {
    secure = await secureServer({ THROTTLE_SUBJECT_FAILURES_PER_MINUTE: '1000', LOG_LEVEL: 'debug' });
    ({ server } = secure);
    // The tests themselves speak to it in plain.
    server.ca = undefined;
  });
  after(() => server?.dispose());
  beforeEach(async () => {
    https = await TcpProxy.start(server.httpsPort);
    mqtts = await TcpProxy.start(server.mqttsPort);
    gateway = await startGateway();
  });
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((device) => device.drop()));
    await gateway.dispose();
    await Promise.all([https.stop(), mqtts.stop()]);
    await ownerApi(server).clear();
  });

  it('says what it listens on, where it leads to, and that the server is there', () => {
    expect(gateway.out.split('\n')).to.deep.equal([
      `Firmwire gateway is ready: HTTP on port ${gateway.httpPort}, MQTT on port ${gateway.mqttPort}.`,
      `HTTP goes to https://localhost:${https.port}, which can be reached.`,
      `MQTT goes to mqtts://localhost:${mqtts.port}, which can be reached.`,
      '',
    ]);
  });

  it('is found by devices that look for _thinx._tcp', async () => {
    const announced = await startGateway(undefined, ['--mdns-interface', '127.0.0.1']);
    const options: Partial<ServiceConfig> & { bind: string; interface: string } = {
      bind: '0.0.0.0',
      interface: '127.0.0.1',
    };
    const looking = new Bonjour(options, () => {});
    try {
      expect(announced.out).to.include('Devices find it by mDNS as _thinx._tcp.');
      const found = new Inbox<Service>();
      looking.find({ type: 'thinx' }, (service) => found.push(service));
      const { txt } = await found.next('the gateway', ({ port }) => port === announced.httpPort);
      expect(txt).to.deep.equal({ http: String(announced.httpPort), mqtt: String(announced.mqttPort) });
    } finally {
      looking.destroy();
      await announced.dispose();
    }
  });

  it('ends with one line when a port is taken', async () => {
    const error = await startGateway(undefined, ['--no-mdns', '--http-port', String(gateway.httpPort)]).catch(
      (failure: Error) => failure.message,
    );
    expect(String(error)).to.match(/firmwire: listen EADDRINUSE: address already in use 127\.0\.0\.1:\d+\n$/);
  });

  it('carries what the owner signed, however long it is', async () => {
    const { privateKey, signer, publicPem } = aPair();
    const api = ownerApi(server);
    await api.call('POST', '/signers', { alias: 'ann', publicKey: publicPem });
    const contents = Array.from(
      { length: 60 },
      (_, n) => [`lib/${`${n}`.padStart(40, 'x')}.py`, `print(${n})`] as const,
    );
    const files = contents.map(([name, text]) => ({ name, size: text.length, sha256: sha256(text) }));
    const platform = 'micropython';
    const expires = Math.floor(Date.now() / 1000) + 3600;
    const claims = someClaims({ owner: server.account.owner, platform, expires, files });
    const manifest = signManifest(claims, privateKey);
    expect(manifest.length).to.be.above(7500);
    const { status, body } = await api.upload({ version: '1.1.0', platform, manifest, files: contents });
    expect(status, JSON.stringify(body)).to.equal(201);
    const device = newDevice();
    device.platform = platform;
    await device.register();
    const answer = await device.fetchByPost();
    expect(isWhole(answer)).to.equal(true);
    const carried = Buffer.from(header(answer, 'Firmwire-Manifest') ?? '', 'base64url').toString();
    expect(carried).to.equal(manifest);
    await api.call('DELETE', `/signers/${signer.id}`);
  });

  it('answers devices with the bytes that the server itself would have sent', async () => {
    const key = server.account.deviceKey;
    const device = newDevice();
    await device.register();
    const requests = [
      getRequest('/device/firmware'),
      getRequest(`/device/firmware?ott=${'A'.repeat(43)}`),
      getRequest('/device/nothing'),
      'POST /device/register HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
      `POST /device/register HTTP/1.1\r\nHost: x\r\nAuthentication: ${key}\r\nContent-Length: 0\r\n\r\n`,
      `POST /device/register HTTP/1.0\r\nAuthentication: ${key}\r\nContent-Length: ${Buffer.byteLength(device.body())}\r\n\r\n${device.body()}\r\n`,
      `POST /device/ HTTP/1.0\r\nAuthentication: ${key}\r\nContent-Length: 2\r\n\r\n{}`,
    ];
    /** The time of day is the only thing that may differ. */
    const bytes = ({ head, body }: RawAnswer): string =>
      `${head}${body}`.replace(/"timestamp":\d+/, '"timestamp":0');
    for (const request of requests) {
      const direct = await exchange(server.httpPort, request).answer;
      const carried = await exchange(gateway.httpPort, request).answer;
      expect(bytes(carried), request).to.equal(bytes(direct));
      expect(carried.closed).to.equal('end');
    }
    const [first, second] = await offered(2, IMAGE);
    if (!first || !second) throw new Error('two were asked for');
    for (const range of [{ Range: 'bytes=10-99' }, { Range: `bytes=${IMAGE.length}-` }, {}] as const) {
      const direct = await get(server.httpPort, first.url, range);
      const carried = await get(gateway.httpPort, second.url, range);
      expect(carried.head, JSON.stringify(range)).to.equal(direct.head);
      expect(carried.body.equals(direct.body), 'the bytes').to.equal(true);
      expect(carried.closed).to.equal('end');
    }
  });

  describe('what it refuses', () => {
    const refused = async (request: string): Promise<string> => {
      const answer = await exchange(gateway.httpPort, request).answer;
      return `${answer.status} ${answer.body}`;
    };

    it('is to be a proxy to anywhere', async () => {
      const no = '421 {"success":false,"response":"proxy_refused"}';
      expect(await refused(getRequest(`http://127.0.0.1:${server.httpPort}/device/firmware`))).to.equal(no);
      expect(await refused('OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n')).to.equal(no);
      const tunnel = `CONNECT 127.0.0.1:${server.httpPort} HTTP/1.1\r\nHost: 127.0.0.1:${server.httpPort}\r\n\r\n`;
      expect(await refused(tunnel)).to.equal('405 ');
      // Whatever host it names, it is carried to the one server.
      const other = 'GET /device/firmware HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n';
      expect(await refused(other)).to.equal('400 {"success":false,"response":"OTT_MISSING"}');
    });

    it('is to carry what is not for devices', async () => {
      const no = '404 {"success":false,"response":"not_found"}';
      for (const path of [
        '/',
        '/api/v1/devices',
        '/rtm/',
        '/metrics',
        '/relay/x/last',
        '/device/../api/v1/keys',
        '/device/%2e%2e/api',
        '/devices',
        '/device//x',
      ])
        expect(await refused(getRequest(path)), path).to.equal(no);
    });

    it('are bodies and heads that no device sends', async () => {
      const body = 'x'.repeat(70_000);
      const post = `POST /device/register HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      expect(await refused(post)).to.equal('413 {"success":false,"response":"body_too_large"}');
      const head = getRequest('/device/firmware', { 'X-Long': 'x'.repeat(20_000) });
      expect((await exchange(gateway.httpPort, head).answer).status).to.equal(400);
      expect((await exchange(gateway.httpPort, 'nonsense\r\n\r\n').answer).status).to.equal(400);
    });
  });

  it('is refused by its own choice: a server whose certificate another authority has issued', async () => {
    const stranger = await GatewayProcess.before(uplink(), (await testAuthority()).ca);
    try {
      expect(stranger.out.match(/cannot be reached now: its certificate is of no authority/g)).to.have.length(
        2,
      );
      const before = https.received;
      const answer = await get(stranger.httpPort, '/device/firmware?ott=x');
      expect([answer.status, header(answer, 'retry-after')]).to.deep.equal([503, '10']);
      expect(https.received - before).to.be.below(10_000);
    } finally {
      await stranger.dispose();
    }
  });

  describe('firmware', () => {
    it('crosses the uplink once for ten devices that fetch it at the same time, and for those that come later', async () => {
      const room = await offered(11, IMAGE);
      const late = room.pop();
      const before = https.received;
      const answers = await Promise.all(room.map(({ device, url }) => device.download(url)));
      for (const answer of answers) expect(answer.body.equals(IMAGE)).to.equal(true);
      expect(https.received - before).to.be.within(IMAGE.length, 1.3 * IMAGE.length);
      const between = https.received;
      expect((await late?.device.download(late.url))?.body.equals(IMAGE)).to.equal(true);
      expect(https.received - between).to.be.below(10_000);
      // Each token is used up, though the bytes are here.
      for (const { device, url } of room) {
        const again = await device.download(url);
        expect(`${again.status} ${again.body}`).to.equal(
          '404 {"success":false,"response":"OTT_UPDATE_NOT_FOUND"}',
        );
      }
      for (const { device } of room)
        expect(at(await ownerApi(server).device(device.udid), 'update.state')).to.equal('downloaded');
    });

    it('is still here after a restart, and fetched anew if the disk has damaged it', async () => {
      const [first, second, third] = await offered(3, IMAGE);
      if (!first || !second || !third) throw new Error('three were asked for');
      expect(isWhole(await first.device.download(first.url))).to.equal(true);
      const kept = join(gateway.folder, 'gateway', 'firmware');
      // The last byte may leave before the file is there.
      gateway.signal('SIGTERM');
      expect(await gateway.exited).to.deep.equal({ code: 0, signal: null });
      gateway = await startGateway(gateway.folder);
      const [name = '', ...others] = await readdir(kept);
      expect(others).to.deep.equal([]);
      let before = https.received;
      expect((await second.device.download(second.url)).body.equals(IMAGE)).to.equal(true);
      expect(https.received - before).to.be.below(10_000);

      await gateway.kill();
      const damaged = await readFile(join(kept, name));
      damaged.writeUInt8(damaged.readUInt8(1000) ^ 1, 1000);
      await writeFile(join(kept, name), damaged);
      gateway = await startGateway(gateway.folder);
      before = https.received;
      expect((await third.device.download(third.url)).body.equals(IMAGE)).to.equal(true);
      expect(https.received - before).to.be.above(IMAGE.length);
    });

    it('of which a device got a part is taken up where it broke off', async () => {
      const image = largeImage('resumed');
      const [only] = await offered(1, image);
      if (!only) throw new Error('one was asked for');
      const broken = exchange(gateway.httpPort, getRequest(only.url));
      await broken.got(100_000);
      broken.cut();
      const begun = (await broken.answer).body;
      const rest = await only.device.download(only.url, { Range: `bytes=${begun.length}-` });
      expect(rest.status).to.equal(206);
      expect(rest.body.equals(image.subarray(begun.length))).to.equal(true);
      // What the device got and the server was not told of is not counted: the token asks for it again.
      expect((await only.device.download(only.url)).status).to.be.oneOf([200, 404]);
      expect((await only.device.download(only.url)).status).to.equal(404);
    });

    it('whose transfer breaks on the uplink is not handed over, and can be had once that is back', async () => {
      const image = largeImage('uplink');
      const [only] = await offered(1, image);
      if (!only) throw new Error('one was asked for');
      const running = exchange(gateway.httpPort, getRequest(only.url));
      await running.got(100_000);
      await https.stop();
      expect(isWhole(await running.answer)).to.equal(false);
      expect((await only.device.download(only.url)).status).to.equal(503);
      await gateway.said('the server cannot be reached');
      https = await TcpProxy.start(server.httpsPort, https.port);
      await gateway.said('the server can be reached again');
      expect((await only.device.download(only.url)).body.equals(image)).to.equal(true);
      expect((await only.device.download(only.url)).status).to.equal(404);
    });

    it('is finished for those who have begun when the gateway is told to end', async () => {
      const image = largeImage('drain');
      const [only] = await offered(1, image);
      if (!only) throw new Error('one was asked for');
      const running = exchange(gateway.httpPort, getRequest(only.url));
      await running.got(1000);
      running.pause();
      gateway.signal('SIGTERM');
      await gateway.said('shutting down');
      running.resume();
      expect((await running.answer).body.equals(image)).to.equal(true);
      expect(await gateway.exited).to.deep.equal({ code: 0, signal: null });
      expect(at(await ownerApi(server).device(only.device.udid), 'update.state')).to.equal('downloaded');
    });
  });

  it('says nothing of keys, tokens and attempts in its log, whatever happens', async () => {
    const talking = await startGateway(undefined, ['--no-mdns', '--log-level', 'debug']);
    try {
      const [only] = await offered(1, IMAGE);
      if (!only) throw new Error('one was asked for');
      const begun = exchange(talking.httpPort, getRequest(only.url));
      await begun.got(1);
      begun.cut();
      await begun.answer;
      await get(talking.httpPort, only.url);
      await https.stop();
      await get(talking.httpPort, only.url);
      await post(talking.httpPort, '/device/register', only.device.body(), server.account.deviceKey);
      await talking.said('the server cannot be reached');
      for (const secret of [server.account.deviceKey, only.url.split('=')[1] ?? '', '/relay/'])
        expect(talking.err).to.not.include(secret);
      https = await TcpProxy.start(server.httpsPort, https.port);
    } finally {
      await talking.dispose();
    }
  });

  it('lets the server see at once that a device is gone', async () => {
    const owner = await OwnerPeer.open(server);
    const device = newDevice();
    await device.start();
    await device.next('ok');
    await device.drop();
    await owner.event('checkout', device.udid);
    await owner.peer.drop();
  });

  describe('while the server cannot be reached', () => {
    const lose = () => Promise.all([https.stop(), mqtts.stop()]);
    const restore = async () => {
      https = await TcpProxy.start(server.httpsPort, https.port);
      mqtts = await TcpProxy.start(server.mqttsPort, mqtts.port);
    };
    const lines = (message: string) => gateway.err.split('\n').filter((line) => line.includes(message));

    it('devices seen before go on with OK, and others are asked to come again', async () => {
      const known = newDevice();
      const direct = await known.register();
      const stranger = newDevice();
      await lose();
      const answer = await known.register();
      const shape = (text: string): string => text.replace(/"timestamp":\d+/, '"timestamp":0');
      expect(answer.head).to.equal(direct.head);
      expect(shape(answer.body.toString())).to.equal(shape(direct.body.toString()));
      const no = await stranger.register();
      expect(`${no.status} ${no.body}`).to.equal('503 {"success":false,"response":"uplink_down"}');
      expect(header(no, 'retry-after')).to.equal('10');
      expect((await known.download('/device/firmware?ott=x')).status).to.equal(503);

      // The same after a restart: what is known lies on the disk.
      gateway.signal('SIGTERM');
      await gateway.exited;
      gateway = await startGateway(gateway.folder);
      expect(gateway.out).to.include('cannot be reached now: nobody listens there (ECONNREFUSED)');
      expect(shape((await known.register()).body.toString())).to.equal(shape(direct.body.toString()));
      await restore();
    });

    it('MQTT is closed at once, and everything goes on when it is back; the log says both once', async () => {
      const device = newDevice();
      await device.start();
      await device.next('ok');
      await lose();
      await device.peer.closed;
      for (let turn = 0; turn < 5; turn++) {
        await device.connect().then(
          () => expect.fail('connected to nowhere'),
          () => undefined,
        );
        expect((await device.register()).status).to.equal(503);
      }
      for (const link of ['http', 'mqtt']) await gateway.said(`"link":"${link}","reason":`);
      await restore();
      await gateway.said('"link":"mqtt","msg":"the server can be reached again"');
      await gateway.said('"link":"http","msg":"the server can be reached again"');
      await device.start();
      await device.next('ok');
      expect((await device.register()).status).to.equal(200);
      expect(lines('the server cannot be reached')).to.have.length(2);
      expect(lines('the server can be reached again')).to.have.length(2);
    });
  });
});
