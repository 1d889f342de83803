import { once } from 'node:events';
import { expect } from 'chai';
import { updatePayload } from '../../../core/payload.js';
import type { DeviceOptions } from '../../../scripts/simulator/device-options.js';
import { VirtualDevice } from '../../../scripts/simulator/virtual-device.js';
import { OWNER, UDID } from '../../support/builders.js';
import { FakeBroker } from './fake-broker.js';
import { FakeHttp, firmwareAnswer, httpAnswer } from './fake-http.js';

const MAC = '5CCF7F1A2B3C';
const KEY = 'd'.repeat(64);
const TOPIC = `/${OWNER}/${UDID}`;
const IMAGE = Buffer.concat([Buffer.from([0xe9]), Buffer.alloc(5000, 3)]);
const OK = JSON.stringify({
  registration: {
    success: true,
    status: 'OK',
    auto_update: true,
    owner: OWNER,
    alias: 'kitchen',
    udid: UDID,
    timestamp: 1,
  },
});
const OFFER = updatePayload(UDID, '1.1.0', 'T'.repeat(43));
const PLAIN_OFFER = `{${OFFER.slice('{"FIRMWARE_UPDATE":true,'.length)}`;

describe('a virtual device', () => {
  const broker = new FakeBroker();
  const http = new FakeHttp();
  const server = { httpUrl: '', mqttUrl: '', owner: OWNER, deviceKey: KEY };
  let device: VirtualDevice | undefined;

  before(async () => {
    server.mqttUrl = await broker.listen();
    server.httpUrl = await http.listen();
  });
  beforeEach(() => {
    http.answer = () => firmwareAnswer(IMAGE);
    http.requests.length = 0;
    broker.refuse = false;
    broker.forget();
  });
  afterEach(() => device?.stop());
  after(async () => {
    await broker.close();
    await http.close();
  });

  function create(change: Partial<DeviceOptions> = {}): VirtualDevice {
    device = new VirtualDevice({
      server,
      mac: MAC,
      udid: UDID,
      platform: 'arduino:esp8266',
      version: '1.0.0',
      rebootMs: { min: 1, max: 1 },
      random: () => 0,
      ...change,
    });
    return device;
  }

  it('connects as the library does', async () => {
    create().start();
    const { connect } = await broker.next();
    expect(connect).to.include({
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId: MAC,
      username: UDID,
      clean: true,
      keepalive: 60,
    });
    expect(connect.password?.toString()).to.equal(KEY);
    expect(connect.will).to.include({ topic: `${TOPIC}/status`, qos: 0, retain: false });
    expect(connect.will?.payload.toString()).to.equal('{ "status" : "disconnected" }');
  });

  it('subscribes to its topic and then checks in, both at QoS 0', async () => {
    create({ autoUpdate: false }).start();
    const session = await broker.next();
    const checkIn = await session.published();
    expect(session.packets.map(({ cmd }) => cmd)).to.deep.equal(['connect', 'subscribe', 'publish']);
    const [, subscribe] = session.packets;
    expect(subscribe).to.have.deep.nested.property('subscriptions[0]', { topic: TOPIC, qos: 0 });
    expect(checkIn).to.include({ topic: `${TOPIC}/status`, qos: 0, retain: false });
    expect(checkIn.payload.toString()).to.equal(
      `{"registration":{"mac":"${MAC}","firmware":"simulated:1.0.0","version":"1.0.0",` +
        `"commit":"${'0'.repeat(40)}","owner":"${OWNER}","alias":"unnamed","udid":"${UDID}",` +
        '"status":"Registered","lat":"0.00","lon":"0.00","rssi":"-61","platform":"arduino:esp8266",' +
        '"auto_update":"false"}}',
    );
  });

  it('updates: drops its socket without DISCONNECT, downloads, restarts, checks in with the new version', async () => {
    const updated = create();
    const told: string[] = [];
    updated.on('offered', (version) => told.push(`offered ${version}`));
    updated.on('progress', (percent) => percent === 100 && told.push('100 %'));
    updated.on('installed', (version) => told.push(`installed ${version}`));
    updated.start();
    const first = await broker.next();
    await first.published();
    const closed = once(first, 'closed');
    const requested = once(http, 'request');
    first.tell(TOPIC, OFFER);
    await requested;
    await closed;
    expect(first.packets.some(({ cmd }) => cmd === 'disconnect')).to.equal(false);
    expect(http.requests[0]).to.match(
      new RegExp(`^GET /device/firmware\\?ott=${'T'.repeat(43)} HTTP/1.0\r\n`),
    );

    const second = await broker.next();
    expect(await second.checkIn()).to.include({ version: '1.1.0', status: 'Registered' });
    expect(told).to.deep.equal(['offered 1.1.0', '100 %']);
    const installed = once(updated, 'installed');
    second.tell(TOPIC, OK);
    await installed;
    expect(updated.version).to.equal('1.1.0');
  });

  it('reports the error of a failed download once and stays on its version', async () => {
    http.answer = () => httpAnswer(200, IMAGE, { 'x-MD5': '0'.repeat(32) });
    const failing = create();
    failing.start();
    const first = await broker.next();
    await first.published();
    const failed = once(failing, 'failed');
    first.tell(TOPIC, OFFER);
    expect(await failed).to.deep.equal(['Wrong MD5']);

    const second = await broker.next();
    expect(await second.checkIn()).to.include({ version: '1.0.0', status: 'Wrong MD5' });
    const answered = once(failing, 'answered');
    second.tell(TOPIC, OK);
    await answered;
    second.socket.destroy();
    expect(await (await broker.next()).checkIn()).to.include({ version: '1.0.0', status: 'Registered' });
  });

  it('stores the names the server gives it', async () => {
    const named = create();
    named.start();
    const first = await broker.next();
    await first.published();
    const answered = once(named, 'answered');
    first.tell(TOPIC, OK);
    await answered;
    first.socket.destroy();
    expect(await (await broker.next()).checkIn()).to.include({ alias: 'kitchen', owner: OWNER });
  });

  it('comes back after a refusal and says why it could not connect', async () => {
    broker.refuse = true;
    const refused = create();
    const trouble = once(refused, 'trouble');
    refused.start();
    await broker.next();
    const [error] = (await trouble) as [Error];
    expect(error.message).to.match(/Not authorized/);
    broker.refuse = false;
    expect((await (await broker.next()).published()).topic).to.equal(`${TOPIC}/status`);
  });

  it('registers over HTTP first if it has no UDID', async () => {
    http.answer = () => httpAnswer(200, OK);
    device = new VirtualDevice({
      server,
      mac: MAC,
      platform: 'arduino:esp8266',
      version: '1.0.0',
      random: () => 0,
    });
    device.start();
    expect((await broker.next()).connect.username).to.equal(UDID);
    const request = http.requests[0] ?? '';
    const body = request.slice(request.indexOf('\r\n\r\n') + 4);
    expect(request).to.match(/^POST \/device\/register HTTP\/1\.0\r\n/);
    expect(request).to.include(`\r\nAuthentication: ${KEY}\r\n`);
    expect(request).to.include(`\r\nContent-Length: ${body.length - 2}\r\n`);
    expect(body).to.match(/}}\r\n$/);
    expect(JSON.parse(body).registration)
      .to.include({ mac: MAC, alias: 'unnamed' })
      .and.not.have.property('udid');
  });

  it('updates over HTTP alone if it is such a device', async () => {
    let offers = 0;
    http.answer = (request) => {
      if (request.startsWith('GET')) return firmwareAnswer(IMAGE);
      offers += 1;
      return httpAnswer(200, offers === 1 ? PLAIN_OFFER : OK);
    };
    const polling = create({ transport: 'http', checkInMs: 1 });
    const violations: string[] = [];
    polling.on('violation', (text) => violations.push(text));
    const installed = once(polling, 'installed');
    polling.start();
    expect(await installed).to.deep.equal(['1.1.0']);
    expect(violations).to.deep.equal([]);
  });

  it('tells when an offer comes in the form that would restart it for ever', async () => {
    http.answer = () => httpAnswer(200, OFFER);
    const restarting = create({ transport: 'http' });
    const violation = once(restarting, 'violation');
    restarting.start();
    expect(await violation).to.deep.equal(['offer in the wrong form over http']);
  });

  it('tells of a retained message on its topic', async () => {
    const strict = create();
    strict.start();
    const session = await broker.next();
    await session.published();
    const violation = once(strict, 'violation');
    session.tell(TOPIC, OK, true);
    expect(await violation).to.deep.equal([`retained message on ${TOPIC}`]);
  });

  it('can be stopped in the middle of a download', async () => {
    http.answer = () => Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n');
    const stopped = create();
    const events: string[] = [];
    stopped.on('failed', (text) => events.push(text));
    stopped.on('trouble', (error) => events.push(error.message));
    stopped.start();
    const session = await broker.next();
    await session.published();
    const requested = once(http, 'request');
    session.tell(TOPIC, OFFER);
    await requested;
    await stopped.stop();
    expect(events).to.deep.equal([]);
  });
});
