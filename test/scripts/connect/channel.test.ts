import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { Channel, type UplinkRequest } from '../../../scripts/connect/channel.js';
import { Uplink } from '../../../scripts/connect/uplink.js';
import { type TestAuthority, testAuthority } from '../../support/certificates.js';
import { TlsUpstream } from '../../support/tls-upstream.js';

const GET: UplinkRequest = { method: 'GET', path: '/', headers: [] };

describe('a connection of a gateway to its server', () => {
  let authority: TestAuthority;
  let upstream: TlsUpstream;
  const opened: Channel[] = [];

  const channel = (change: object = {}): Channel => {
    const options = {
      host: 'localhost',
      port: upstream.port,
      ca: authority.ca,
      answerMs: 5000,
      pauseMs: 5000,
    };
    const one = new Channel({ ...options, ...change });
    opened.push(one);
    return one;
  };
  const codeOf = (asked: Promise<IncomingMessage>): Promise<unknown> =>
    asked.then(
      () => 'an answer',
      (error: NodeJS.ErrnoException) => error.code,
    );

  before(async () => {
    authority = await testAuthority();
  });
  beforeEach(async () => {
    upstream = await TlsUpstream.start(await authority.server('localhost', '127.0.0.1'));
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) one.close();
    await upstream.stop();
  });

  it('carries headers in their order and case, with the host and the length of its own', async () => {
    const headers = ['x-ESP8266-free-space', '5', 'A', '1', 'A', '2'];
    const answer = await channel().ask({ method: 'POST', path: '/p?q=1', headers, body: Buffer.from('abc') });
    await text(answer);
    expect(upstream.asked).to.deep.equal([
      {
        method: 'POST',
        url: '/p?q=1',
        raw: [
          'Host',
          `localhost:${upstream.port}`,
          ...headers,
          'Content-Length',
          '3',
          'Connection',
          'keep-alive',
        ],
        body: 'abc',
        connection: 1,
      },
    ]);
  });

  it('is one for one request after the other; each waits until the answer before was read', async () => {
    const one = channel();
    upstream.answer = (response, { url }) => response.end(url);
    const first = await one.ask({ ...GET, path: '/1' });
    const second = one.ask({ ...GET, path: '/2' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(upstream.asked).to.have.length(1);
    expect(await text(first)).to.equal('/1');
    expect(await text(await second)).to.equal('/2');
    expect(upstream.asked.map(({ connection }) => connection)).to.deep.equal([1, 1]);
  });

  it('is opened anew, and nothing is lost, when the server has closed it meanwhile', async () => {
    const one = channel();
    await text(await one.ask(GET));
    // The end is on its way, and this side has not heard of it.
    upstream.cut();
    await text(await one.ask({ ...GET, path: '/again' }));
    expect(upstream.asked.map(({ url, connection }) => [url, connection])).to.deep.equal([
      ['/', 1],
      ['/again', 2],
    ]);
  });

  it('goes on after an answer that was given up', async () => {
    const one = channel();
    upstream.answer = (response) => {
      response.writeHead(200, { 'Content-Length': 10 });
      response.write('half');
    };
    const half = await one.ask(GET);
    const next = one.ask(GET);
    half.destroy();
    upstream.answer = (response) => response.end('whole');
    expect(await text(await next)).to.equal('whole');
  });

  it('refuses a server whose certificate is of another authority, for another name, or no TLS', async () => {
    expect(await codeOf(channel({ ca: (await testAuthority()).ca }).ask(GET))).to.match(
      /SIGNATURE|ISSUER|VERIFY/,
    );
    expect(await codeOf(channel({ ca: undefined }).ask(GET))).to.match(/SELF_SIGNED|ISSUER|VERIFY/);
    const other = await TlsUpstream.start(await authority.server('elsewhere.example'));
    expect(await codeOf(channel({ port: other.port }).ask(GET))).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(other.asked).to.deep.equal([]);
    await other.stop();
    expect(upstream.asked).to.deep.equal([]);
    const plain = createServer((socket) =>
      socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\n\r\n'),
    ).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    expect(await codeOf(channel({ port }).ask(GET))).to.match(/^(EPROTO|ERR_SSL_)/);
    plain.close();
  });

  it('takes an address for a name, if the certificate has it', async () => {
    await text(await channel({ host: '127.0.0.1' }).ask(GET));
    expect(upstream.asked).to.have.length(1);
  });

  it('gives up a server that takes the connection and says nothing, and one that stops in the middle', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    expect(await codeOf(channel({ port, answerMs: 50 }).ask(GET))).to.equal('ETIMEDOUT');
    silent.close();
    upstream.answer = () => {};
    expect(await codeOf(channel({ answerMs: 50 }).ask(GET))).to.equal('ETIMEDOUT');
    upstream.answer = (response) => {
      response.writeHead(200, { 'Content-Length': 10 });
      response.write('half');
    };
    const answer = await channel({ pauseMs: 50 }).ask(GET);
    expect(await text(answer).catch((error: Error) => error.message)).to.equal('no more within 50 ms');
  });

  describe('of those there are', () => {
    let uplink: Uplink;
    beforeEach(() => {
      uplink = new Uplink({
        host: 'localhost',
        port: upstream.port,
        ca: authority.ca,
        answerMs: 5000,
        pauseMs: 5000,
      });
    });
    afterEach(() => uplink.close());

    it('each is for one at a time, and then for the next; one that is not clean is closed', async () => {
      const [first, second] = [uplink.take(), uplink.take()];
      expect(first).to.not.equal(second);
      uplink.give(first);
      expect(uplink.take()).to.equal(first);
      uplink.give(second, false);
      expect(uplink.take()).to.not.equal(second);
    });

    it('one looks whether the server is there, whatever it says', async () => {
      upstream.answer = (response) => response.writeHead(503).end('not now');
      await uplink.check();
      await uplink.check();
      expect(upstream.asked.map(({ url, connection }) => [url, connection])).to.deep.equal([
        ['/health', 1],
        ['/health', 1],
      ]);
    });
  });
});
