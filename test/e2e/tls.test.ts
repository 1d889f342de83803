import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { testAuthority } from '../support/certificates.js';
import { Device, PLATFORM } from '../support/device.js';
import { largeImage, smallImage } from '../support/images.js';
import { at } from '../support/json.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { ownerApi } from '../support/owner-api.js';
import { exchange, get, getRequest, isWhole, post, type RawAnswer } from '../support/raw-http.js';
import { type SecureServer, secureServer, writePair } from '../support/secure-server.js';
import { newDataFolder, runProgram, type ServerProcess } from '../support/server-process.js';

/** A connection whose handshake has ended. */
async function shake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** What came of a handshake that should fail. */
const failure = async (port: number, options: ConnectionOptions): Promise<string> =>
  shake(port, options).then(
    () => 'none',
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );

/** A session to be resumed. In TLS 1.3 the ticket comes after the handshake (RFC 8446, 4.6.1). */
async function begun(port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
  const [session] = await once(socket, 'session');
  socket.destroy();
  return session;
}

const closed = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));

/** A metric of the server, read past everything that is tested here. */
async function metric(server: ServerProcess, sample: string): Promise<number> {
  const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `));
  return Number(line?.split(' ').at(-1));
}

describe('TLS', () => {
  let secure: SecureServer;
  let server: ServerProcess;
  let ca: string;
  before(async () => {
    secure = await secureServer({ TLS_HANDSHAKE_SECONDS: '1', LOG_LEVEL: 'debug' });
    ({ server } = secure);
    ca = secure.authority.ca;
  });
  after(() => server?.dispose());

  describe('the ports', () => {
    it('are named when the server is ready, and serve the certificate', async () => {
      expect(server.out).to.include(
        `With TLS: MQTTS on port ${server.mqttsPort}, HTTPS on port ${server.httpsPort}.`,
      );
      for (const port of [server.mqttsPort, server.httpsPort]) {
        const socket = await shake(port, { ca });
        expect(socket.authorized).to.equal(true);
        socket.destroy();
      }
      expect(await failure(server.httpsPort, { ca: (await testAuthority()).ca })).to.match(
        /SIGNATURE|VERIFY/,
      );
    });

    it('carry the page, the API and MQTT over WebSocket', async () => {
      const door = server.httpDoor;
      const page = await get(door, '/rtm/');
      expect(page.status).to.equal(200);
      expect(page.body.toString()).to.include('<title>');
      const { owner, ownerKey } = server.account;
      const answer = await get(door, '/api/v1/devices', { Authorization: `Bearer ${ownerKey}` });
      expect(answer.status).to.equal(200);
      const url = `wss://localhost:${server.httpsPort}/mqtt`;
      const peer = await MqttPeer.open({ url, ca, username: owner, password: ownerKey });
      expect(await peer.subscribe(`/${owner}/rtm/#`)).to.equal(0);
      await peer.drop();
    });

    it('speak TLS 1.2, with devices that know nothing newer, and nothing older', async () => {
      const socket = await shake(server.mqttsPort, { ca, maxVersion: 'TLSv1.2' });
      expect(socket.getProtocol()).to.equal('TLSv1.2');
      socket.destroy();
      const old = { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
      expect(await failure(server.mqttsPort, old)).to.match(/PROTOCOL_VERSION|ECONNRESET/);
    });

    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
      it(`resume a session of ${maxVersion} that was begun on the other, so that a fleet comes back cheaply`, async () => {
        const session = await begun(server.mqttsPort, { ca, maxVersion });
        const again = await shake(server.httpsPort, { ca, maxVersion, session });
        expect(again.isSessionReused()).to.equal(true);
        again.destroy();
      });
  });

  describe('what is no handshake', () => {
    it('is cut when it has not ended in time, and serves nobody worse', async () => {
      const before = await metric(server, 'firmwire_connections_refused_total{why="handshake"}');
      const silent = [server.mqttsPort, server.httpsPort].map((port) => connectTcp(port, '127.0.0.1'));
      await Promise.all(silent.map(closed));
      expect(await metric(server, 'firmwire_connections_refused_total{why="handshake"}')).to.equal(
        before + 2,
      );
      expect((await get(server.httpDoor, '/health')).status).to.equal(200);
    });

    it('such as plain HTTP and plain MQTT, is cut without an answer in clear', async () => {
      for (const [port, text] of [
        [server.httpsPort, 'GET /health HTTP/1.0\r\n\r\n'],
        [server.mqttsPort, '\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00'],
      ] as const) {
        const socket = connectTcp(port, '127.0.0.1');
        let heard = '';
        socket.on('data', (bytes) => {
          heard += bytes.toString('latin1');
        });
        socket.write(text, 'latin1');
        await closed(socket);
        expect(heard).not.to.match(/HTTP|^\x20/);
      }
      expect(`${server.out}${server.err}`).not.to.match(/"level":"?(error|fatal|50|60)/);
    });
  });

  it('a reset in the middle completes no token; the next try does', async () => {
    const api = ownerApi(server);
    const device = new Device(server, server.account);
    device.autoUpdate = true;
    await device.register();
    await api.publish(largeImage('tls reset'), { version: '2.0.0', platform: PLATFORM });
    const url = String(at(JSON.parse((await device.register()).body.toString()), 'registration.url'));
    const broken = exchange(server.httpDoor, getRequest(url));
    await broken.got(1_000_000);
    broken.cut();
    await broken.answer;
    const again = await get(server.httpDoor, url);
    expect(isWhole(again)).to.equal(true);
    const late = await get(server.httpDoor, url);
    expect([late.status, late.body.toString()]).to.deep.equal([
      404,
      '{"success":false,"response":"OTT_UPDATE_NOT_FOUND"}',
    ]);
    await api.clear();
  });

  describe('renewal', () => {
    /** The fingerprint that a port serves now. */
    const served = async (port: number): Promise<string> => {
      const socket = await shake(port, { ca });
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };

    it('at SIGHUP: new connections get the new one, open sessions stay; one that is broken changes nothing', async () => {
      const device = new Device(server, server.account);
      const peer = await device.connect();
      const before = await served(server.mqttsPort);
      const session = await begun(server.mqttsPort, { ca });
      await writeFile(secure.cert, 'no certificate');
      server.signal('SIGHUP');
      await server.said('the new certificate cannot be used');
      expect(await served(server.httpsPort)).to.equal(before);

      await writePair(await secure.authority.server('localhost'), secure.cert, secure.key);
      server.signal('SIGHUP');
      await server.said('new certificate in use');
      const after = await served(server.mqttsPort);
      expect(after).not.to.equal(before);
      expect(await served(server.httpsPort)).to.equal(after);
      expect(await peer.subscribe(device.topic)).to.equal(0);
      await peer.drop();
      const resumed = await shake(server.mqttsPort, { ca, session });
      expect(resumed.isSessionReused(), 'a session of before').to.equal(true);
      resumed.destroy();
    });

    it('its end is a metric', async () => {
      const end = await metric(server, 'firmwire_certificate_not_after_seconds');
      expect(end - Date.now() / 1000).to.be.within(29 * 86_400, 30 * 86_400);
    });
  });
});

describe('plain.allowed: false', () => {
  let server: ServerProcess;
  let plainHttp: number;
  before(async () => {
    // This machine is not among those who may, so that it can stand for others.
    ({ server } = await secureServer({ PLAIN_ALLOWED: 'false', PLAIN_FROM: '192.0.2.0/24' }));
    plainHttp = server.httpPort;
  });
  after(() => server?.dispose());
  const told = ({ status, body }: RawAnswer): [number, string] => [status, body.toString()];

  it('devices are told 403 tls_required in the form they know, whatever they ask', async () => {
    const { deviceKey } = server.account;
    const expected = [403, '{"success":false,"response":"tls_required"}'];
    expect(told(await post(plainHttp, '/device/register', '{"registration":{}}', deviceKey))).to.deep.equal(
      expected,
    );
    expect(told(await get(plainHttp, '/device/firmware?ott=x'))).to.deep.equal(expected);
    expect(await metric(server, 'firmwire_connections_refused_total{why="plain"}')).to.be.at.least(2);
  });

  it('owners and pages are refused as well; balancers and metrics are not', async () => {
    for (const path of ['/api/v1/devices', '/rtm/', '/mqtt']) {
      const answer = await get(plainHttp, path, { Authorization: `Bearer ${server.account.ownerKey}` });
      expect(answer.status, path).to.equal(403);
      expect(answer.body.toString(), path).to.include('tls_required');
    }
    for (const path of ['/health', '/ready', '/metrics'])
      expect((await get(plainHttp, path)).status, path).to.equal(200);
  });

  it('MQTT gets CONNACK 5, and so does a right key; no WebSocket opens', async () => {
    const { owner, ownerKey } = server.account;
    const login = { username: owner, password: ownerKey };
    const refusal = async (url: string): Promise<string> =>
      MqttPeer.open({ url, ...login }).then(
        () => 'none',
        (error: Error) => error.message,
      );
    expect(await refusal(`mqtt://127.0.0.1:${server.mqttPort}`)).to.match(/Not authorized/);
    const upgrade = getRequest('/mqtt', { 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Protocol': 'mqtt' })
      .replace('HTTP/1.0', 'HTTP/1.1')
      .replace(
        'Connection: close',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      );
    expect((await exchange(plainHttp, upgrade).answer).status).to.equal(403);
  });

  it('over TLS everything is as ever', async () => {
    const device = new Device(server, server.account);
    await device.subscribe();
    expect((await device.register()).status).to.equal(200);
    await device.drop();
  });
});

describe('TLS for small devices', () => {
  it('tls.maxFragmentBytes bounds every record that is sent', async () => {
    const { server } = await secureServer({ TLS_MAX_FRAGMENT_BYTES: '512' });
    try {
      const api = ownerApi(server);
      const device = new Device(server, server.account);
      device.autoUpdate = true;
      await device.register();
      await api.publish(smallImage('fragments'), { version: '2.0.0', platform: PLATFORM });
      const url = String(at(JSON.parse((await device.register()).body.toString()), 'registration.url'));
      const pieces: Buffer[] = [];
      const between = createServer((near) => {
        const far = connectTcp(server.httpsPort, '127.0.0.1').on('data', (piece) => pieces.push(piece));
        // Whoever is closed last may be reset: all bytes have come by then.
        for (const side of [near, far]) side.on('error', () => {});
        near.pipe(far).pipe(near);
      }).listen(0, '127.0.0.1');
      await once(between, 'listening');
      const { port } = between.address() as AddressInfo;
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: server.ca });
      socket.resume().write(getRequest(url));
      await once(socket, 'close');
      between.close();
      const lengths = recordLengths(Buffer.concat(pieces));
      expect(lengths.length).to.be.above(20_000 / 512);
      // What encryption adds to a record is at most 256 bytes (RFC 8446, 5.2), and here 17 or 24.
      expect(Math.max(...lengths)).to.be.within(512, 512 + 24);
    } finally {
      await server.dispose();
    }
  });
});

/** The lengths of the records with application data (RFC 8446, 5.1). */
function recordLengths(bytes: Buffer): number[] {
  const lengths: number[] = [];
  for (let from = 0; from + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(from + 3);
    // The certificate is a long message of the handshake, which TLS 1.3 sends as application data too.
    if (bytes[from] === 23) lengths.push(length);
    from += 5 + length;
  }
  return lengths;
}

describe('a start with a certificate that cannot be used', () => {
  let data: string;
  before(async () => {
    data = await newDataFolder();
  });
  after(() => rm(data, { recursive: true }));

  for (const [what, settings, message] of [
    [
      'missing files',
      { TLS_CERT: 'no.pem', TLS_KEY: 'no.pem' },
      /^firmwire: tls\.(cert|key): no\.pem is not there\n$/,
    ],
    [
      'a certificate without a key',
      { TLS_CERT: 'no.pem' },
      /^firmwire: tls\.key: missing; a certificate and its key go together\n$/,
    ],
    [
      'an address that is none',
      { PLAIN_FROM: '1.2.3' },
      /^firmwire: plain\.from: 1\.2\.3 is no address and no network\n$/,
    ],
  ] as const)
    it(`${what}: one line, exit code 2, and nothing is created`, async () => {
      const { code, err } = await runProgram(['serve'], data, settings);
      expect(err).to.match(message);
      expect(code).to.equal(2);
      expect(await readdir(data)).to.deep.equal([]);
    });

  it('keys that do not belong together are told apart from broken ones', async () => {
    const authority = await testAuthority();
    const [one, other] = await Promise.all([authority.server('localhost'), authority.server('localhost')]);
    const [cert, key] = [join(data, 'cert.pem'), join(data, 'key.pem')];
    await writePair({ cert: one.cert, key: other.key }, cert, key);
    const { code, err } = await runProgram(['serve'], data, { TLS_CERT: cert, TLS_KEY: key });
    expect([code, err]).to.deep.equal([
      2,
      `firmwire: tls.key: ${key} is not the key of the certificate in ${cert}\n`,
    ]);
  });
});
