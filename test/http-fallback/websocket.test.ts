import { once } from 'node:events';
import { expect } from 'chai';
import { WebSocket } from 'ws';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { RawClient, rawGet } from '../support/raw-tcp.js';

const ALLOWED = 'https://fleet.example';

describe('MQTT over WebSocket at /mqtt', () => {
  let http: HttpApp;
  let port: number;

  beforeEach(async () => {
    http = await startHttpApp({ settings: { http: { allowedOrigins: [ALLOWED] } } });
    port = await http.listen();
  });
  afterEach(() => http.close());

  const dial = (protocols: string[], origin?: string): WebSocket =>
    new WebSocket(`ws://127.0.0.1:${port}/mqtt`, protocols, origin === undefined ? {} : { origin });

  /** The status of a refused upgrade, or 101. */
  async function outcome(socket: WebSocket): Promise<number> {
    const status = await new Promise<number>((resolve) => {
      socket.once('open', () => resolve(101));
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    });
    socket.on('error', () => {});
    socket.terminate();
    return status;
  }

  const cases: [what: string, protocols: string[], origin: string | undefined, status: number][] = [
    ['a program, which sends no Origin', ['mqtt'], undefined, 101],
    ['a page of an allowed origin', ['mqtt'], ALLOWED, 101],
    ['a page from elsewhere', ['mqtt'], 'https://evil.example', 403],
    ['a page whose origin only begins alike', ['mqtt'], `${ALLOWED}.evil.example`, 403],
    ['a page of the allowed host over http', ['mqtt'], 'http://fleet.example', 403],
    ['a sandboxed page', ['mqtt'], 'null', 403],
    ['no subprotocol', [], undefined, 400],
    ['another subprotocol', ['chat'], undefined, 400],
    ['mqtt among others', ['chat', 'mqtt'], undefined, 101],
    ['the subprotocol of MQTT 3.1', ['mqttv3.1'], undefined, 400],
  ];
  for (const [what, protocols, origin, status] of cases)
    it(`${what}: ${status}`, async () => expect(await outcome(dial(protocols, origin))).to.equal(status));

  it('too many new connections: 503', async () => {
    http.mayConnect = false;
    expect(await outcome(dial(['mqtt']))).to.equal(503);
  });

  it('takes pages of its own', async () =>
    expect(await outcome(dial(['mqtt'], `http://127.0.0.1:${port}`))).to.equal(101));

  it('agrees on the subprotocol mqtt', async () => {
    const socket = dial(['chat', 'mqtt']);
    await once(socket, 'open');
    expect(socket.protocol).to.equal('mqtt');
    socket.terminate();
  });

  it('carries the bytes of binary frames both ways', async () => {
    const socket = dial(['mqtt']);
    await once(socket, 'open');
    socket.send(Buffer.from([1, 2]));
    socket.send(Buffer.from([3]));
    const [stream] = http.streams;
    if (!stream) throw new Error('no stream');
    let got = Buffer.alloc(0);
    while (got.length < 3) {
      const piece: Buffer | null = stream.read();
      if (piece) got = Buffer.concat([got, piece]);
      else await once(stream, 'readable');
    }
    expect([...got]).to.deep.equal([1, 2, 3]);
    stream.write(Buffer.from([9]));
    const [answer, isBinary] = await once(socket, 'message');
    expect([...answer]).to.deep.equal([9]);
    expect(isBinary).to.equal(true);
    socket.terminate();
  });

  it('ends with 1003 on a text frame, none of which reaches MQTT (MQTT 3.1.1, 6.0)', async () => {
    const socket = dial(['mqtt']);
    await once(socket, 'open');
    socket.send('text');
    const [code] = await once(socket, 'close');
    expect(code).to.equal(1003);
    expect(http.streams[0]?.read()).to.equal(null);
  });

  it('ends with 1009 on a frame that is too large', async () => {
    const socket = dial(['mqtt']);
    await once(socket, 'open');
    http.streams[0]?.on('error', () => {});
    socket.send(Buffer.alloc(200_000));
    expect((await once(socket, 'close'))[0]).to.equal(1009);
  });

  it('takes nobody new while shutting down', async () => {
    http.state = 'draining';
    expect(await outcome(dial(['mqtt']))).to.equal(503);
  });

  for (const path of ['/mqtt', '/health', '/nothing', '/api/v1/devices', '/device/firmware?ott=x']) {
    it(`closes the socket of a refused upgrade of ${path}, or it would outlive the server`, async function () {
      this.timeout(1000);
      const client = await RawClient.connect(port);
      client.send(rawGet(path, { Connection: 'Upgrade', Upgrade: 'h2c' }, '1.1'));
      await client.closed;
    });
  }

  it('closes the socket of an upgrade that is refused because the server shuts down', async function () {
    this.timeout(1000);
    http.state = 'draining';
    const client = await RawClient.connect(port);
    client.send(rawGet('/mqtt', { Connection: 'Upgrade', Upgrade: 'websocket' }, '1.1'));
    await client.closed;
  });

  it('answers a plain GET with an error, and goes on', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/mqtt`);
    expect(answer.status).to.be.within(400, 499);
  });
});
