import { once } from 'node:events';
import { expect } from 'chai';
import { anImage, checkInBody, type HttpApp, startHttpApp } from '../support/http-app.js';
import { upload } from '../support/multipart.js';
import { exchange, RawClient, rawGet, rawPost } from '../support/raw-tcp.js';

const REQUEST_MS = 100;

describe('HTTP clients that are slow or go away', () => {
  let http: HttpApp;
  let port: number;

  beforeEach(async () => {
    http = await startHttpApp({ requestMs: REQUEST_MS });
    port = await http.listen();
  });
  afterEach(() => http.close());

  const begin = async (text: string): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    client.send(text);
    return client;
  };
  const checkInRequest = () =>
    rawPost('/device/register', JSON.stringify(checkInBody(http)), {
      Authentication: http.credentials.deviceKey,
    });

  /** Sends a byte now and then; the number sent until the connection was closed, or `most`. */
  async function trickle(client: RawClient, most: number): Promise<number> {
    let sent = 0;
    const timer = setInterval(() => {
      client.send('a');
      sent += 1;
      if (sent >= most) client.socket.destroy();
    }, REQUEST_MS / 5);
    await client.closed;
    clearInterval(timer);
    return sent;
  }

  it('cuts one that says nothing', async () => (await begin('')).closed);
  it('cuts one that stops within its head', async () => (await begin('GET /device/firm')).closed);
  it('cuts one that stops within its body', async () => (await begin(checkInRequest().slice(0, -10))).closed);

  it('cuts one that sends its head a byte at a time', async function () {
    this.timeout(12_000);
    // Node looks every five seconds.
    const client = await begin('GET /device/firmware HTTP/1.0\r\nX: ');
    expect(await trickle(client, 400)).to.be.below(400);
  });

  it('cuts one that sends the body of a check-in a byte at a time', async () => {
    const head = 'POST /device/register HTTP/1.0\r\nContent-Length: 10000\r\n\r\n';
    expect(await trickle(await begin(head), 60)).to.be.below(60);
  });

  it('serves others meanwhile', async () => {
    const slow = await Promise.all(Array.from({ length: 20 }, () => begin('POST /device/reg')));
    expect((await exchange(port, checkInRequest())).status).to.equal(200);
    for (const { socket } of slow) socket.destroy();
  });

  it('survives clients that go away before their answer', async () => {
    for (let round = 0; round < 20; round++) (await begin(checkInRequest())).reset();
    expect((await exchange(port, checkInRequest())).status).to.equal(200);
    expect(http.logs.filter((line) => line.includes('"level":"error"'))).to.deep.equal([]);
  });

  for (const leave of ['end', 'reset', 'stop'] as const) {
    it(`leaves nothing of an upload whose client breaks off (${leave})`, async () => {
      const { headers, payload } = upload([
        { name: 'version', value: '1.0.0' },
        { name: 'platform', value: 'arduino:esp8266' },
        { name: 'file', filename: 'a.bin', data: anImage(100_000) },
      ]);
      const client = await begin(
        rawGet(
          '/api/v1/firmware',
          {
            Authorization: `Bearer ${http.credentials.ownerKey}`,
            'Content-Type': headers['content-type'],
            'Content-Length': String(payload.length),
          },
          '1.1',
        ).replace('GET', 'POST'),
      );
      const [serverSide] = await Promise.all([
        once(http.app.server, 'request').then(([request]) => request),
        client.socket.write(payload.subarray(0, 50_000)),
      ]);
      const gone = new Promise((resolve) => serverSide.once('close', resolve));
      while ((await http.storedFiles()).length === 0) await new Promise((resolve) => setImmediate(resolve));
      if (leave === 'end') client.socket.end();
      if (leave === 'reset') client.reset();
      await gone;
      while ((await http.storedFiles()).length > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(http.logs.filter((line) => line.includes('"level":"error"'))).to.deep.equal([]);
    });
  }
});
