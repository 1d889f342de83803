import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { ownerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { readPayload } from '../support/payload.js';
import { ServerProcess } from '../support/server-process.js';

const IMAGE = madeUpImage(200_000, 'operations');

describe('what operators see of a real server', function () {
  this.timeout(30_000);
  let server: ServerProcess;
  afterEach(() => server.dispose());

  const metrics = async (): Promise<Record<string, number>> => {
    const answer = await fetch(`${server.httpUrl}/metrics`);
    expect(answer.status).to.equal(200);
    const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return Object.fromEntries(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at).replace(/^firmwire_/, ''), Number(line.slice(at + 1))];
      }),
    );
  };

  it('the metrics follow a device through an update', async () => {
    server = await ServerProcess.start();
    const owner = await OwnerPeer.open(server);
    const device = new Device(server, server.account);
    device.autoUpdate = true;
    await device.start();
    await device.next('ok');
    await ownerApi(server).publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    const { url } = await device.nextOffer();
    expect((await device.download(url)).body.equals(IMAGE)).to.equal(true);
    await device.download(url);
    await owner.event('downloaded', device.udid);
    expect(await metrics()).to.include({
      connected_devices: 1,
      connected_owners: 1,
      mqtt_connections: 2,
      'check_ins_total{via="mqtt"}': 1,
      'check_ins_total{via="http"}': 0,
      'offers_total{consent="auto"}': 1,
      'tokens_total{outcome="issued"}': 1,
      'tokens_total{outcome="completed"}': 1,
      'tokens_total{outcome="refused"}': 1,
      'downloads_total{outcome="completed"}': 1,
      download_bytes_total: IMAGE.length,
      downloads_active: 0,
      push_seconds_count: 1,
      'push_seconds_bucket{le="1"}': 1,
      store_state: 1,
      'http_requests_total{method="POST",route="/api/v1/firmware",status="201"}': 1,
      'http_requests_total{method="GET",route="/device/firmware",status="200"}': 1,
      'http_requests_total{method="GET",route="/device/firmware",status="404"}': 1,
    });
    await Promise.all([device.drop(), owner.event('checkout', device.udid)]);
    expect(await metrics()).to.include({ connected_devices: 0, mqtt_connections: 1 });
    await owner.peer.drop();
  });

  it('/metrics keeps to this machine and to whom the token was given', async () => {
    server = await ServerProcess.start({ METRICS_TOKEN: 'only-for-prometheus' });
    const ask = (headers: Record<string, string>) =>
      fetch(`${server.httpUrl}/metrics`, { headers: { 'x-forwarded-for': '192.0.2.1', ...headers } });
    expect((await ask({})).status).to.equal(401);
    expect((await ask({ authorization: 'Bearer wrong' })).status).to.equal(401);
    const answer = await ask({ authorization: 'Bearer only-for-prometheus' });
    expect(answer.status).to.equal(200);
    expect(await answer.text()).to.match(
      /^firmwire_info\{version="\d[^"]*",storage="embedded",node="[^"]+"\} 1$/m,
    );
  });

  it('no key, token, password or header gets into the log, at the most talkative level', async () => {
    server = await ServerProcess.start({ LOG_LEVEL: 'trace', METRICS_TOKEN: 'm3trics-t0ken' });
    const { account } = server;
    const secrets = new Map([
      ['the owner key', account.ownerKey],
      ['the device key', account.deviceKey],
      ['a wrong key', 'fe'.repeat(32)],
      ['a wrong password', 'Pa55word-of-nobody'],
      ['a wrong token', 'Tok3n'.repeat(9).slice(0, 43)],
      ['the metrics token', 'm3trics-t0ken'],
      ['the name of the header', 'Bearer'],
    ]);
    const secret = (name: string): string => secrets.get(name) ?? '';
    const owner = await OwnerPeer.open(server);
    const device = new Device(server, account);
    device.autoUpdate = true;
    await device.start();
    await device.next('ok');
    const api = ownerApi(server);
    await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    const offer = await device.nextOffer();
    secrets.set('a token that was pushed', offer.ott);
    await device.download(offer.url);
    await device.download(offer.url);
    const { registration } = readPayload((await device.register()).body.toString());
    if (registration['ott']) secrets.set('a token that was answered', String(registration['ott']));
    await device.fetchByPost({ use: 'ott', forced: true }).then(({ body }) => {
      secrets.set('a token that was asked for', String(JSON.parse(body.toString()).ott));
    });
    await device.download(`/device/firmware?ott=${secret('a token that was asked for')}`, {
      range: 'bytes=0-10',
    });
    await device.download(`/device/firmware?ott=${secret('a wrong token')}`);
    await device.fetchByPost({ ott: secret('a wrong token') });
    const made = await api.call('POST', '/keys', { alias: 'x', scope: 'owner' });
    secrets.set('a new key', String(Object(made.body).key.secret));
    const wrong = new Device(server, { ...account, deviceKey: secret('a wrong key') });
    await wrong.register();
    await wrong.fetchByPost({ use: 'ott' });
    await ownerApi(server, { ...account, ownerKey: secret('a wrong key') }).call('GET', '/devices');
    for (const password of ['a wrong password', 'a wrong key'])
      await MqttPeer.open({ url: server.mqttUrl, username: account.owner, password: secret(password) }).catch(
        () => undefined,
      );
    await fetch(`${server.httpUrl}/metrics`, { headers: { authorization: 'Bearer m3trics-t0ken' } });
    await fetch(`${server.httpUrl}/api/v1/devices?key=${secret('the owner key')}`);
    await fetch(`${server.httpUrl}/${secret('the owner key')}`);
    await Promise.all([device.drop(), owner.peer.drop()]);
    server.signal('SIGTERM');
    await server.exited;

    const lines = server.err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const said = new Set(lines.map(({ msg }) => msg));
    // What was gone through has left its traces: the absence below is no absence of everything.
    expect([...said]).to.include.members([
      'ready',
      'a device arrived',
      'firmware published',
      'a download ended well',
      'a request was refused',
      'a request of a device was refused',
      'connection refused',
      'an API key was made',
      'a device left',
      'shutting down',
      'drained',
      'closed',
    ]);
    expect(secrets.size).to.be.at.least(10);
    for (const [name, value] of secrets) {
      expect(value, name).to.have.length.above(5);
      for (const line of `${server.out}\n${server.err}`.split('\n')) expect(line, name).not.to.include(value);
    }
  });
});
