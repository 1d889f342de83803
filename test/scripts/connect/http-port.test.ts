import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { expect } from 'chai';
import { TICKET_TYPE } from '../../../http-fallback/relay/ticket.js';
import { type TestAuthority, testAuthority } from '../../support/certificates.js';
import { gate } from '../../support/gate.js';
import { exchange, RawClient, rawGet, rawPost, readAnswer } from '../../support/raw-tcp.js';
import { type TestGateway, testGateway } from '../../support/test-gateway.js';
import { type Asked, TlsUpstream } from '../../support/tls-upstream.js';

const FIRMWARE = '/device/firmware?ott=x';

describe('the HTTP port of a gateway', () => {
  let authority: TestAuthority;
  let upstream: TlsUpstream;
  let gateway: TestGateway;

  before(async () => {
    authority = await testAuthority();
  });
  beforeEach(async () => {
    upstream = await TlsUpstream.start(await authority.server('localhost'));
  });
  afterEach(async () => {
    await gateway.dispose();
    await upstream.stop();
  });

  const start = async (limits: Parameters<typeof testGateway>[1] = {}) => {
    gateway = await testGateway({ https: upstream.port, ca: authority.ca }, limits);
  };
  /** What devices asked, without the gateway's own question at its start. */
  const asked = (): Asked[] => upstream.asked.filter(({ url }) => url !== '/health');

  it("passes on what is for the server, and of the device's connection nothing", async () => {
    await start();
    const headers = {
      Authentication: 'key',
      Connection: 'close, X-Hop',
      'X-Hop': '1',
      'Keep-Alive': '5',
      Upgrade: 'h2c',
      TE: 'trailers',
      'Proxy-Authorization': 'Basic x',
      'Firmwire-Relay': '0',
      'x-ESP8266-free-space': '9',
    };
    await exchange(gateway.httpPort, rawPost('/device/register', '{}', headers));
    expect(asked()).to.have.length(1);
    expect(asked()[0]?.raw).to.deep.equal([
      ...['Host', `localhost:${upstream.port}`, 'Authentication', 'key', 'x-ESP8266-free-space', '9'],
      ...['firmwire-relay', '1', 'Content-Length', '2', 'Connection', 'keep-alive'],
    ]);
    expect([asked()[0]?.url, asked()[0]?.body]).to.deep.equal(['/device/register', '{}']);
  });

  it("passes on what is for the device, and of the server's connection nothing", async () => {
    await start();
    upstream.answer = (response) => {
      response.sendDate = false;
      response.writeHead(404, [
        'x-MD5',
        'a',
        'Connection',
        'keep-alive, X-Hop',
        'X-Hop',
        '1',
        'Trailer',
        'b',
        'ETag',
        '"e"',
      ]);
      response.end('gone');
    };
    // The upstream sends it in chunks, which HTTP/1.0 does not know.
    const answer = await exchange(gateway.httpPort, rawGet(FIRMWARE));
    expect(answer.headerLines).to.deep.equal([
      'connection: close',
      'x-MD5: a',
      'ETag: "e"',
      'content-length: 4',
    ]);
    expect([answer.status, answer.body.toString()]).to.deep.equal([404, 'gone']);
  });

  it('uses a connection to the server again', async () => {
    await start();
    for (let n = 0; n < 3; n++) await exchange(gateway.httpPort, rawGet(FIRMWARE));
    expect(asked().map(({ connection }) => connection)).to.deep.equal([1, 1, 1]);
  });

  it('passes on a body as it comes where a server gives no tickets', async () => {
    await start();
    const body = Buffer.alloc(3_000_000, 7);
    upstream.answer = (response) =>
      response.writeHead(200, { 'Content-Length': body.length, 'x-MD5': 'm' }).end(body);
    const answer = await exchange(gateway.httpPort, rawGet(FIRMWARE));
    expect(answer.header('x-MD5')).to.deep.equal(['m']);
    expect(answer.header('Connection')).to.deep.equal(['close']);
    expect(answer.body.equals(body)).to.equal(true);
  });

  it('cuts a body that breaks off on the uplink: a device must not take it for whole', async () => {
    await start();
    upstream.answer = (response) => {
      response.writeHead(200, { 'Content-Length': 3_000_000 });
      response.write(Buffer.alloc(500_000), () => response.destroy());
    };
    const answer = await exchange(gateway.httpPort, rawGet(FIRMWARE));
    expect(answer.header('Content-Length')).to.deep.equal(['3000000']);
    expect(answer.body.length).to.be.below(3_000_000);
  });

  it('answers 503 to what it cannot make sense of', async () => {
    await start();
    for (const answer of [
      (response) =>
        response.writeHead(200, { 'Content-Type': 'application/vnd.firmwire.ticket+json' }).end('{}'),
      // Without a length, and longer than what is held in memory.
      (response) => {
        response.write(Buffer.alloc(100_000));
        response.end();
      },
    ] satisfies TlsUpstream['answer'][]) {
      upstream.answer = answer;
      const got = await exchange(gateway.httpPort, rawGet(FIRMWARE));
      expect(`${got.status} ${got.body}`).to.equal('503 {"success":false,"response":"uplink_down"}');
    }
  });

  it('lets nobody suffer for a request that the server does not like', async () => {
    await start();
    upstream.answer = (response, { body }) => {
      if (body === 'bad') response.destroy();
      else response.end('ok');
    };
    const bad = await exchange(gateway.httpPort, rawPost('/device/register', 'bad', {}));
    expect(`${bad.status} ${bad.body}`).to.equal('503 {"success":false,"response":"uplink_down"}');
    const odd = Buffer.from(rawGet('/device/firmware?ott=\u010d'));
    expect((await exchange(gateway.httpPort, odd)).status).to.equal(400);
    for (let n = 0; n < 3; n++) {
      const good = await exchange(gateway.httpPort, rawGet(FIRMWARE));
      expect(good.status).to.equal(200);
    }
    const lost = gateway.log.lines.filter(({ facts }) => facts['link'] === 'http');
    expect(lost).to.deep.equal([]);
  });

  it('cuts a download that is too slow, and says so to the server', async () => {
    await start({ bytesPerSecond: 1_000_000_000, paceMs: 20 });
    const body = Buffer.alloc(12_000_000, 1);
    const ticket = {
      attempt: 'a'.repeat(43),
      status: 200,
      headers: { 'Content-Length': body.length },
      sha256: createHash('sha256').update(body).digest('hex'),
      size: body.length,
      span: [0, body.length],
      idleMs: 60_000,
    };
    upstream.answer = (response, { url }) => {
      if (url.endsWith('/body')) response.end(body);
      else if (url.startsWith('/relay/')) response.writeHead(204).end();
      else response.writeHead(200, { 'Content-Type': TICKET_TYPE }).end(JSON.stringify(ticket));
    };
    const client = await RawClient.connect(gateway.httpPort);
    client.send(rawGet(FIRMWARE));
    await client.received(1);
    client.socket.pause();
    while (!asked().some(({ url }) => url.endsWith('/end')))
      await new Promise((resolve) => setImmediate(resolve));
    expect(JSON.parse(asked().at(-1)?.body ?? '')).to.include({ whole: false });
    client.reset();
  });

  it('does not let a device wait for a server that says nothing', async () => {
    await start({ answerMs: 50, retryMs: 1_000_000 });
    upstream.answer = () => {};
    const got = await exchange(gateway.httpPort, rawGet(FIRMWARE));
    expect(`${got.status} ${got.header('Retry-After')}`).to.equal('503 10');
  });

  it('cuts who does not send a request, or sends it too slowly', async () => {
    await start({ requestMs: 100 });
    for (const beginning of [
      '',
      'GET /device/firm',
      'POST /device/register HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc',
    ]) {
      const client = await RawClient.connect(gateway.httpPort);
      client.send(beginning);
      await client.closed;
      if (client.bytes.length > 0) expect(readAnswer(client.bytes).status).to.equal(408);
    }
    expect(asked()).to.deep.equal([]);
  });

  it('has room for so many at once, and tells the others so', async () => {
    await start({ requests: 2 });
    const release = gate();
    upstream.answer = (response) => void release.opened.then(() => response.end('ok'));
    const running = [1, 2].map(() => exchange(gateway.httpPort, rawGet(FIRMWARE)));
    while (asked().length < 2) await new Promise((resolve) => setImmediate(resolve));
    const third = await exchange(gateway.httpPort, rawGet(FIRMWARE));
    expect(`${third.status} ${third.body}`).to.equal('503 {"success":false,"response":"gateway_busy"}');
    expect(third.header('Retry-After')).to.deep.equal(['10']);
    release.open();
    for (const { status } of await Promise.all(running)) expect(status).to.equal(200);
    expect((await exchange(gateway.httpPort, rawGet(FIRMWARE))).status).to.equal(200);
  });

  it('says of itself whether it lives and has its server', async () => {
    await start();
    const health = async () => (await exchange(gateway.httpPort, rawGet('/health'))).body.toString();
    expect(await health()).to.equal('{"status":"ok","uplink":"up"}');
    await upstream.stop();
    await exchange(gateway.httpPort, rawGet(FIRMWARE));
    const isLost = () => gateway.log.lines.some(({ facts }) => facts['link'] === 'http');
    while (!isLost()) await new Promise((resolve) => setImmediate(resolve));
    expect(await health()).to.equal('{"status":"ok","uplink":"down"}');
    upstream = await TlsUpstream.start(await authority.server('localhost'));
  });

  it('takes nobody any more when it ends, and finishes what was begun', async () => {
    await start();
    const release = gate();
    upstream.answer = (response) => void release.opened.then(() => response.end('ok'));
    const running = exchange(gateway.httpPort, rawGet(FIRMWARE));
    while (asked().length < 1) await new Promise((resolve) => setImmediate(resolve));
    const closed = gateway.close();
    const late = connect(gateway.httpPort, '127.0.0.1');
    await new Promise((resolve) => late.on('error', () => {}).once('close', resolve));
    release.open();
    expect((await running).status).to.equal(200);
    await closed;
  });

  it('does not wait for ever when it ends', async () => {
    await start({ drainMs: 50, answerMs: 60_000 });
    upstream.answer = () => {};
    const client = await RawClient.connect(gateway.httpPort);
    client.send(rawGet(FIRMWARE));
    while (asked().length < 1) await new Promise((resolve) => setImmediate(resolve));
    await gateway.close();
    await client.closed;
  });
});
