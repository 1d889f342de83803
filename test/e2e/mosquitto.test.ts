import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { at, parsed } from '../support/json.js';
import { curl, type Login, MosquittoSub, mosquittoPub } from '../support/mosquitto.js';
import { ownerApi } from '../support/owner-api.js';
import { readPayload } from '../support/payload.js';
import { ServerProcess } from '../support/server-process.js';

const IMAGE = madeUpImage(150_000, 'mosquitto');

describe('with mosquitto_sub, mosquitto_pub and curl', () => {
  let server: ServerProcess;
  let owner: Login;
  let watch: MosquittoSub;
  let rtm: string;
  const running: MosquittoSub[] = [];

  before(async () => {
    server = await ServerProcess.start();
    const { account, mqttPort } = server;
    owner = { port: mqttPort, username: account.owner, password: account.ownerKey };
    rtm = `/${account.owner}/rtm`;
  });
  after(() => server?.dispose());
  beforeEach(async () => {
    watch = await MosquittoSub.start(owner, `${rtm}/#`, ['-q', '1']);
    running.push(watch);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((sub) => sub.stop()));
    await ownerApi(server).clear();
  });

  const login = (device: Device): Login => ({
    port: server.mqttPort,
    username: device.udid,
    password: device.account.deviceKey,
    clientId: device.mac,
  });

  const event = (name: string, udid: string): Promise<string> =>
    watch.next(`${rtm}/events`, (payload) => {
      const body = parsed(payload);
      return at(body, 'event') === name && at(body, 'udid') === udid;
    });

  /** Checks in with mosquitto_pub, then listens with mosquitto_sub: a second session would cut the first. */
  async function available(device: Device): Promise<MosquittoSub> {
    expect(await mosquittoPub(login(device), device.status, device.body())).to.equal(0);
    await event('checkin', device.udid);
    const sub = await MosquittoSub.start(login(device), device.topic, [
      ...['--will-topic', device.status, '--will-payload', '{ "status" : "disconnected" }'],
    ]);
    running.push(sub);
    return sub;
  }

  const nextOffer = async (sub: MosquittoSub, device: Device): Promise<string> => {
    const payload = await sub.next(device.topic, (text) => readPayload(text).kind === 'update');
    return `${server.httpUrl}${readPayload(payload).registration['url']}`;
  };

  /** The device restarts with the version and checks in. */
  async function installs(device: Device, sub: MosquittoSub): Promise<void> {
    await sub.stop();
    device.version = '1.1.0';
    expect(await mosquittoPub(login(device), device.status, device.body())).to.equal(0);
    await event('installed', device.udid);
    expect(at(await ownerApi(server).device(device.udid), 'update.state')).to.equal('installed');
  }

  it('a device with auto update on is told, fetches with curl, and is installed', async () => {
    const device = new Device(server, server.account);
    device.autoUpdate = true;
    const sub = await available(device);
    await ownerApi(server).publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    const url = await nextOffer(sub, device);
    expect((await curl(url)).equals(IMAGE)).to.equal(true);
    await event('downloaded', device.udid);
    await installs(device, sub);
  });

  it('an owner reads the question, retained, and answers it with mosquitto_pub', async () => {
    const device = new Device(server, server.account);
    const sub = await available(device);
    await ownerApi(server).publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    const topic = `${rtm}/notices/${device.udid}`;
    const late = await MosquittoSub.start(owner, topic, ['-q', '1']);
    running.push(late);
    const line = await late.lines.next('the notice', (text) => text.startsWith(`${topic} 1 `));
    const notice = parsed(line.slice(topic.length + 3));
    expect(at(notice, 'notification')).to.include({ nid: device.udid, version: '1.1.0' });
    const answer = { notification: { nid: device.udid, response_type: 'bool', response: true } };
    expect(await mosquittoPub(owner, `${topic}/reply`, JSON.stringify(answer), ['-q', '1'])).to.equal(0);
    const url = await nextOffer(sub, device);
    expect(await late.next(topic, (payload) => payload === '')).to.equal('');
    expect((await curl(url)).equals(IMAGE)).to.equal(true);
    await installs(device, sub);
  });

  it('a wrong key is refused, and MQTT 5 with a clean word', async () => {
    const device = new Device(server, server.account);
    const wrong = { ...login(device), password: 'ab'.repeat(32) };
    expect(await mosquittoPub(wrong, device.status, device.body())).not.to.equal(0);
    expect(await mosquittoPub(login(device), device.status, device.body(), ['-V', 'mqttv5'])).not.to.equal(0);
    expect(await mosquittoPub(login(device), device.status, device.body())).to.equal(0);
    await event('checkin', device.udid);
  });

  it('the will is seen by the owner', async () => {
    const device = new Device(server, server.account);
    const sub = await available(device);
    const status = await MosquittoSub.start(owner, device.status);
    running.push(status);
    // A second session with the same UDID cuts the first, which had no chance to say goodbye.
    expect(await mosquittoPub(login(device), `${device.topic}/light`, 'on')).to.equal(0);
    expect(await status.next(device.status)).to.equal('{ "status" : "disconnected" }');
    await sub.stop();
  });
});
