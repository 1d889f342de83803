import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type TestAuthority, testAuthority } from '../../support/certificates.js';
import { RawClient } from '../../support/raw-tcp.js';
import { type TestGateway, testGateway } from '../../support/test-gateway.js';
import { TlsSocketUpstream } from '../../support/tls-upstream.js';

/** The first bytes of a CONNECT are all that is looked at. */
const CONNECT = Buffer.from([0x10, 0x05, 0, 4, 1, 2, 3]);

describe('the MQTT port of a gateway', () => {
  let authority: TestAuthority;
  let upstream: TlsSocketUpstream;
  let gateway: TestGateway;

  before(async () => {
    authority = await testAuthority();
  });
  beforeEach(async () => {
    upstream = await TlsSocketUpstream.start(await authority.server('localhost'));
  });
  afterEach(async () => {
    await gateway.dispose();
    await upstream.stop();
  });

  const start = async (limits: Parameters<typeof testGateway>[1] = {}) => {
    gateway = await testGateway({ mqtts: upstream.port, ca: authority.ca }, limits);
    // The gateway looks once whether the server is there.
    await upstream.inbox.next('the look');
  };
  const joined = async (): Promise<{ device: RawClient; server: TLSSocket }> => {
    const device = await RawClient.connect(gateway.mqttPort);
    device.send(CONNECT);
    const server = await upstream.inbox.next('the connection');
    const [bytes] = await once(server, 'data');
    expect(bytes).to.deep.equal(CONNECT);
    return { device, server };
  };

  it('carries bytes both ways, as they are', async () => {
    await start();
    const { device, server } = await joined();
    server.write(Buffer.from([0x20, 2, 0, 0]));
    await device.received(4);
    expect(device.bytes).to.deep.equal(Buffer.from([0x20, 2, 0, 0]));
    device.send('more');
    expect(String((await once(server, 'data'))[0])).to.equal('more');
  });

  it("ends the server's side at once when the device is gone, well or not", async () => {
    await start();
    for (const go of [(device: RawClient) => device.socket.end(), (device: RawClient) => device.reset()]) {
      const { device, server } = await joined();
      const closed = once(server, 'close');
      server.resume();
      go(device);
      await closed;
      await device.closed;
    }
  });

  it("ends the device's side when the server is gone, and what was said last arrives before", async () => {
    await start();
    const { device, server } = await joined();
    const last = Buffer.alloc(2_000_000, 5);
    server.end(last);
    await device.closed;
    expect(device.bytes.equals(last)).to.equal(true);
    const other = await joined();
    other.server.destroy();
    await other.device.closed;
  });

  it('lets a device say its last while it hears nothing more', async () => {
    await start();
    const { device, server } = await joined();
    const heard: Buffer[] = [];
    server.on('data', (bytes) => heard.push(bytes));
    device.socket.end(Buffer.alloc(500_000, 3));
    await once(server, 'end');
    expect(Buffer.concat(heard).length).to.equal(500_000);
  });

  it('holds the server up while a device does not read, and keeps little for it', async () => {
    await start();
    const { device, server } = await joined();
    device.socket.pause();
    const piece = Buffer.alloc(256 * 1024);
    let sent = 0;
    while (server.write(piece) || server.writableLength < 4 * piece.length) {
      sent += piece.length;
      if (sent > 200_000_000) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent, 'what both kernels and the gateway hold').to.be.below(50_000_000);
    const all = sent + piece.length;
    device.socket.resume();
    await device.received(all);
  });

  it('cuts a side that stays after the other one has ended', async () => {
    await start({ lingerMs: 50 });
    const { device, server } = await joined();
    server.allowHalfOpen = true;
    server.resume();
    device.socket.end();
    await once(server, 'end');
    // It says no more, and does not end by itself.
    await device.closed;
    expect(server.writable).to.equal(true);
  });

  it('closes what says nothing, and what is no MQTT, and bothers the server with neither', async () => {
    await start({ firstByteMs: 50 });
    const silent = await RawClient.connect(gateway.mqttPort);
    await silent.closed;
    const browser = await RawClient.connect(gateway.mqttPort);
    browser.send('GET / HTTP/1.1\r\n\r\n');
    await browser.closed;
    expect(upstream.inbox.all).to.have.length(1);
    expect(Buffer.concat([silent.bytes, browser.bytes]).length).to.equal(0);
  });

  it('has room for so many at once', async () => {
    await start({ mqttConnections: 2 });
    const two = [await joined(), await joined()];
    const third = await RawClient.connect(gateway.mqttPort);
    await third.closed;
    const [first] = two;
    first?.device.reset();
    await first?.device.closed;
    await once(first?.server ?? third.socket, 'close');
    await joined();
  });

  it('closes a device at once while the server is away, without looking for it each time', async () => {
    await start({ retryMs: 1_000_000 });
    await upstream.stop();
    for (let n = 0; n < 3; n++) {
      const device = await RawClient.connect(gateway.mqttPort);
      device.send(CONNECT);
      await device.closed;
    }
    expect(gateway.log.lines.filter(({ facts }) => facts['link'] === 'mqtt')).to.have.length(1);
    upstream = await TlsSocketUpstream.start(await authority.server('localhost'));
  });

  it('does not let a device hang on a server that takes the connection and says nothing', async () => {
    await start();
    await gateway.dispose();
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    gateway = await testGateway(
      { mqtts: (silent.address() as AddressInfo).port, ca: authority.ca },
      { answerMs: 50 },
    );
    expect(gateway.trouble.mqtts).to.include('no answer within 50 ms');
    const device = await RawClient.connect(gateway.mqttPort);
    device.send(CONNECT);
    await device.closed;
    silent.close();
  });

  it('sends nothing to a server whose certificate is of another authority or for another name', async () => {
    await start();
    const other = await TlsSocketUpstream.start(await authority.server('elsewhere.example'));
    for (const [mqtts, ca, told] of [
      [upstream.port, (await testAuthority()).ca, 'no authority that is trusted'],
      [other.port, authority.ca, 'for another name'],
    ] as const) {
      const wrong = await testGateway({ mqtts, ca });
      expect(wrong.trouble.mqtts).to.include(told);
      const device = await RawClient.connect(wrong.mqttPort);
      device.send(CONNECT);
      await device.closed;
      expect(device.bytes.length).to.equal(0);
      await wrong.dispose();
    }
    await other.stop();
  });
});
