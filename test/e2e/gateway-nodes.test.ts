import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Balancer } from '../support/balancer.js';
import { testAuthority } from '../support/certificates.js';
import { Cluster, LONG_MS } from '../support/cluster.js';
import { Device, PLATFORM } from '../support/device.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { at, parsed } from '../support/json.js';
import { writePair } from '../support/secure-server.js';
import { newDataFolder } from '../support/server-process.js';

const IMAGE = madeUpImage(400_000, 'gateway nodes');
const ROOM = 8;

describe('a gateway whose server is several nodes behind a balancer', function () {
  this.timeout(LONG_MS);
  let folder: string;
  let cluster: Cluster;
  let balancers: { https: Balancer; mqtts: Balancer };
  let gateway: GatewayProcess;

  before(async () => {
    folder = await newDataFolder();
    const authority = await testAuthority();
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await writePair(await authority.server('localhost'), cert, key);
    cluster = await Cluster.start(2, { TLS_CERT: cert, TLS_KEY: key });
    const [https, mqtts] = await Promise.all([
      Balancer.start(cluster.nodes.map(({ httpsPort }) => httpsPort)),
      Balancer.start(cluster.nodes.map(({ mqttsPort }) => mqttsPort)),
    ]);
    balancers = { https, mqtts };
    gateway = await GatewayProcess.before({ httpsPort: https.port, mqttsPort: mqtts.port }, authority.ca);
  });
  after(async () => {
    await gateway?.dispose();
    await Promise.all([balancers?.https.close(), balancers?.mqtts.close()]);
    await cluster?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('hands each device its firmware, whichever nodes its requests come to, and uses each token up', async () => {
    const doors = {
      mqttUrl: `mqtt://127.0.0.1:${gateway.mqttPort}`,
      httpDoor: gateway.httpPort,
      ca: undefined,
    };
    const devices = Array.from({ length: ROOM }, () => new Device(doors, cluster.account));
    for (const device of devices) {
      device.autoUpdate = true;
      await device.register();
    }
    await cluster.api(0).publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    const urls = await Promise.all(
      devices.map(async (device) => {
        const { body } = await device.register();
        return String(at(parsed(body.toString()), 'registration.url'));
      }),
    );
    const answers = await Promise.all(devices.map((device, index) => device.download(urls[index] ?? '')));
    for (const answer of answers) expect(answer.body.equals(IMAGE), answer.statusLine).to.equal(true);
    const again = await Promise.all(devices.map((device, index) => device.download(urls[index] ?? '')));
    expect(again.map(({ status }) => status)).to.deep.equal(devices.map(() => 404));
    for (const { udid } of devices)
      expect(at(await cluster.api(1).device(udid), 'update.state')).to.equal('downloaded');
    const { passages } = balancers.https;
    expect(new Set(passages.map(({ port }) => port)).size, 'nodes that were asked').to.equal(2);
    const bytes = passages.reduce((sum, { received }) => sum + received, 0);
    expect(bytes).to.be.within(IMAGE.length, 1.5 * IMAGE.length);
  });
});
