import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { UDID } from '../support/builders.js';
import {
  anImage,
  checkIn,
  checkInBody,
  type HttpApp,
  offeredToken,
  startHttpApp,
} from '../support/http-app.js';
import { exchange, type RawAnswer, RawClient, rawGet, rawPost, readAnswer } from '../support/raw-tcp.js';

/** What small devices read in one go (wire.md 4). */
const SEGMENT = 536;

describe('HTTP for devices, to the byte', () => {
  let http: HttpApp;
  let port: number;

  beforeEach(async () => {
    http = await startHttpApp();
    port = await http.listen();
  });
  afterEach(() => http.close());

  const key = () => ({ Authentication: http.credentials.deviceKey });
  const checkInRequest = (change: Record<string, unknown> = {}, version = '1.0') =>
    rawPost('/device/register', JSON.stringify(checkInBody(http, change)), key(), version);

  /** What every answer to a device has in common; its socket has been closed by the server already. */
  function expectDeviceAnswer(answer: RawAnswer): void {
    expect(answer.header('Content-Length')).to.deep.equal([String(answer.body.length)]);
    expect(answer.header('Connection')).to.deep.equal(['close']);
    expect(answer.header('Transfer-Encoding')).to.deep.equal([]);
    for (const line of answer.headerLines) expect(line).to.not.include('}}');
  }

  const requests: [what: string, status: number, request: () => string][] = [
    ['a check-in', 200, () => checkInRequest()],
    ['a check-in without a body', 400, () => rawPost('/device/register', '', key())],
    ['a check-in without a key', 401, () => rawPost('/device/register', '{"registration":{"mac":"1"}}', {})],
    ['a check-in that is too long', 413, () => rawPost('/device/register', 'x'.repeat(20_000), key())],
    ['a request for firmware', 400, () => rawPost('/device/firmware', '{}', key())],
    ['a request for a token', 401, () => rawPost('/device/', '{"use":"ott"}', {})],
    ['a download without a token', 400, () => rawGet('/device/firmware')],
    ['a download with a wrong token', 404, () => rawGet('/device/firmware?ott=nonsense')],
    ['an address that is none', 404, () => rawGet('/device/nothing')],
    ['GET where POST belongs', 404, () => rawGet('/device/register')],
    ['PUT', 404, () => rawPost('/device/firmware', '{}', {}).replace('POST', 'PUT')],
    ['OPTIONS', 404, () => rawGet('/device/firmware').replace('GET', 'OPTIONS')],
  ];
  for (const [what, status, request] of requests) {
    for (const version of ['1.0', '1.1']) {
      it(`${what} over HTTP/${version}: ${status}, its length, and the end of the connection`, async () => {
        const client = await RawClient.connect(port);
        client.send(request().replace('HTTP/1.0', `HTTP/${version}`));
        await client.received(1);
        // A keep-alive answer would leave us waiting here; the head tells more than a time-out.
        expect(readAnswer(client.bytes).header('Connection')).to.deep.equal(['close']);
        await client.closed;
        const answer = readAnswer(client.bytes);
        expect(client.serverEnded).to.equal(true);
        expect(answer.status).to.equal(status);
        expectDeviceAnswer(answer);
        if (status !== 200) {
          const { success, response } = JSON.parse(answer.body.toString());
          expect(success).to.equal(false);
          expect(response).to.be.a('string');
        }
      });
    }
  }

  it('answers a server that shuts down with 503 in the shape devices know', async () => {
    http.state = 'draining';
    const answer = await exchange(port, checkInRequest());
    expect(answer.status).to.equal(503);
    expect(answer.header('Retry-After')).to.have.length(1);
    expect(answer.body.toString()).to.equal('{"success":false,"response":"draining"}');
    expectDeviceAnswer(answer);
  });

  it('answers a check-in to the byte', async () => {
    const answer = await exchange(port, checkInRequest());
    expect([answer.statusLine, ...answer.headerLines]).to.deep.equal([
      'HTTP/1.1 200 OK',
      'connection: close',
      'content-type: application/json; charset=utf-8',
      `content-length: ${answer.body.length}`,
    ]);
  });

  it('sends head and body of a check-in as one piece of one segment, at its longest', async () => {
    const alias = 'ä'.repeat(50);
    for (const round of ['OK', 'FIRMWARE_UPDATE']) {
      if (round !== 'OK') await offeredToken(http, anImage());
      const client = await RawClient.connect(port);
      client.send(checkInRequest({ alias }));
      await client.closed;
      expect(readAnswer(client.bytes).body.toString()).to.include(`"status":"${round}"`);
      expect(client.pieces.length).to.equal(1);
      expect(client.bytes.length, round).to.be.at.most(SEGMENT);
    }
  });

  it('takes the stray CRLF that devices send after a body', async () => {
    for (const version of ['1.0', '1.1']) {
      const answer = await exchange(port, `${checkInRequest({}, version)}\r\n`);
      expect(answer.status).to.equal(200);
      expect(answer.body.toString()).to.match(/^\{"registration":\{.*\}\}$/);
    }
  });

  it('takes a stray CRLF that comes late, and says nothing more', async () => {
    const client = await RawClient.connect(port);
    client.send(checkInRequest());
    await client.received(1);
    client.send('\r\n');
    await client.closed;
    expect(readAnswer(client.bytes).body.toString()).to.match(/\}\}$/);
  });

  it('takes a body that trickles in', async () => {
    const client = await RawClient.connect(port);
    for (const letter of checkInRequest()) client.send(letter);
    await client.closed;
    expect(readAnswer(client.bytes).status).to.equal(200);
  });

  it('sends a whole image with the headers that updaters want', async () => {
    const image = anImage(50_000);
    const token = await offeredToken(http, image);
    const answer = await exchange(port, rawGet(`/device/firmware?ott=${token}`));
    const sha256 = createHash('sha256').update(image).digest('hex');
    expect([answer.statusLine, ...answer.headerLines]).to.deep.equal([
      'HTTP/1.1 200 OK',
      'Content-Type: application/octet-stream',
      'Content-Disposition: attachment; filename=firmware.bin',
      'Content-Length: 50000',
      `x-MD5: ${createHash('md5').update(image).digest('hex')}`,
      `ETag: "${sha256}"`,
      'Accept-Ranges: bytes',
      'Connection: close',
    ]);
    expect(answer.body.equals(image)).to.equal(true);
  });

  for (const size of [1, 1023, 1024, 1025, 4000, 300_000]) {
    it(`sends the first bytes of an image of ${size} bytes together with the head`, async () => {
      const token = await offeredToken(http, anImage(size));
      const client = await RawClient.connect(port);
      client.send(rawGet(`/device/firmware?ott=${token}`));
      await client.closed;
      const [first] = client.pieces;
      expect(first && readAnswer(first).body.length).to.be.above(0);
      expect(readAnswer(client.bytes).body.length).to.equal(size);
    });
  }

  it('streams what does not fit the cache, byte for byte', async () => {
    const small = await startHttpApp({ settings: { downloads: { cacheBytes: 0 } } });
    const image = anImage(300_001);
    const token = await offeredToken(small, image);
    const answer = await exchange(await small.listen(), rawGet(`/device/firmware?ott=${token}`));
    expect(answer.body.equals(image)).to.equal(true);
    await small.close();
  });

  it('refuses an image larger than the free space before any byte, and tells the owner', async () => {
    const token = await offeredToken(http, anImage(4000));
    const get = (headers: Record<string, string>) =>
      exchange(port, rawGet(`/device/firmware?ott=${token}`, headers));
    for (const [name, space] of [
      ['x-ESP8266-free-space', '3999'],
      ['x-ESP32-free-space', '3998'],
    ] as const) {
      http.events.length = 0;
      const answer = await get({ [name]: space });
      expect(`${answer.status} ${answer.body}`).to.equal(
        '403 {"success":false,"response":"not_enough_space"}',
      );
      expectDeviceAnswer(answer);
      expect(http.events.map(({ event, udid }) => `${event} ${udid}`)).to.deep.equal([`refused ${UDID}`]);
    }
    expect((await get({ 'x-ESP8266-free-space': '4000' })).status).to.equal(200);
  });

  it('does not tell the owner at every loop of a device that lacks the space', async () => {
    const token = await offeredToken(http, anImage(4000));
    http.events.length = 0;
    for (let loop = 0; loop < 40; loop++)
      await exchange(port, rawGet(`/device/firmware?ott=${token}`, { 'x-ESP8266-free-space': '1' }));
    expect(http.events.length).to.be.below(5);
  });

  it('reads no sense into a free space that is no number', async () => {
    const token = await offeredToken(http, anImage(4000));
    const headers = { 'x-ESP8266-free-space': '-1' };
    expect((await exchange(port, rawGet(`/device/firmware?ott=${token}`, headers))).status).to.equal(200);
  });

  it('HEAD redeems nothing', async () => {
    const token = await offeredToken(http, anImage());
    const path = `/device/firmware?ott=${token}`;
    const answer = await exchange(port, rawGet(path).replace('GET', 'HEAD'));
    expect(answer.body.length).to.equal(0);
    expect((await exchange(port, rawGet(path))).status).to.equal(200);
    expect((await exchange(port, rawGet(path))).status).to.equal(404);
  });

  it('goes on after Expect: 100-continue', async () => {
    const client = await RawClient.connect(port);
    const [head = '', body = ''] = checkInRequest({}, '1.1').split('\r\n\r\n');
    client.send(`${head}\r\nExpect: 100-continue\r\n\r\n`);
    await client.received(1);
    expect(client.bytes.toString()).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
    client.send(body);
    await client.closed;
    expect(readAnswer(client.bytes.subarray('HTTP/1.1 100 Continue\r\n\r\n'.length)).status).to.equal(200);
  });

  const malformed: [what: string, request: string][] = [
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
    ['an MQTT CONNECT', '\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00'],
    [
      'two lengths',
      'POST /device/register HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    ],
    ['a length that is none', 'POST /device/register HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n'],
    ['headers of 32 KiB', `GET /device/firmware HTTP/1.0\r\nX: ${'x'.repeat(32_768)}\r\n\r\n`],
  ];
  for (const [what, request] of malformed) {
    it(`answers ${what} with a short 4xx and is there for the next one`, async () => {
      const answer = await exchange(port, request);
      expect(answer.status).to.be.within(400, 499);
      expectDeviceAnswer(answer);
      expect((await exchange(port, checkInRequest())).status).to.equal(200);
    });
  }

  it('puts no token and no key into its log', async () => {
    const token = await offeredToken(http, anImage(300_000));
    const path = `/device/firmware?ott=${token}`;
    const broken = await RawClient.connect(port);
    broken.send(rawGet(path));
    await broken.received(1);
    broken.reset();
    await exchange(port, rawGet(`${path}x`));
    await exchange(port, rawGet(path, { Range: 'bytes=999999999-' }));
    await exchange(port, rawGet(path, { 'x-ESP8266-free-space': '1' }));
    await exchange(port, rawGet(path));
    await exchange(port, rawGet(path));
    await checkIn(http);
    const said = http.logs.join('\n');
    expect(said).to.not.include(token);
    expect(said).to.not.include(http.credentials.deviceKey);
  });
});
