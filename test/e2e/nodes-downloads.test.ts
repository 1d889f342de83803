import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { seededRandom } from '../../scripts/simulator/random.js';
import { VirtualDevice } from '../../scripts/simulator/virtual-device.js';
import { Balancer } from '../support/balancer.js';
import { Cluster, LONG_MS } from '../support/cluster.js';
import { type Device, PLATFORM } from '../support/device.js';
import { at } from '../support/json.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { readPayload } from '../support/payload.js';
import { exchange, getRequest, header, isWhole } from '../support/raw-http.js';

/** More than the kernel takes in for somebody who does not read. */
const LARGE = madeUpImage(12_000_000, 'nodes large');
const [A, B, C] = [0, 1, 2];
const MIB = 1024 * 1024;

describe('downloads from several nodes', function () {
  this.timeout(LONG_MS);
  let cluster: Cluster;

  before(async () => {
    cluster = await Cluster.start(3, { OFFERS_RETRY_SECONDS: '0.3', OFFERS_FRESH_SECONDS: '1' });
  });
  after(() => cluster?.dispose());
  afterEach(() => cluster.api(C).clear());

  /** The path of a new token for a device that has checked in on this node. */
  async function offerOn(node: number, device: Device = cluster.device(node, true)): Promise<string> {
    device.server = cluster.node(node);
    const { kind, registration } = readPayload((await device.register()).body.toString());
    expect(kind).to.equal('update');
    return String(registration['url']);
  }

  const fetchFrom = (node: number, url: string, headers?: Record<string, string>) =>
    exchange(cluster.node(node).httpPort, getRequest(url, headers));

  it('one that broke off at 40 % goes on at another node with the same token, which is dead on all after that', async () => {
    await cluster.api(A).publish(LARGE, { version: '1.1.0', platform: PLATFORM });
    const owner = await OwnerPeer.open(cluster.node(C));
    const device = cluster.device(A, true);
    const url = await offerOn(A, device);
    const first = fetchFrom(A, url);
    await first.got(LARGE.length * 0.4);
    first.cut();
    const had = (await first.answer).body;
    expect(had.length).to.be.within(LARGE.length * 0.4 - 1000, LARGE.length - 1);
    const rest = await fetchFrom(B, url, { Range: `bytes=${had.length}-` }).answer;
    expect(rest.status).to.equal(206);
    expect(header(rest, 'content-range')).to.equal(`bytes ${had.length}-${LARGE.length - 1}/${LARGE.length}`);
    expect(Buffer.concat([had, rest.body]).equals(LARGE), 'both parts together').to.equal(true);
    await owner.event('downloaded', device.udid);
    for (const node of [A, B, C]) {
      expect((await fetchFrom(node, url).answer).status).to.equal(404);
      expect((await fetchFrom(node, url, { Range: 'bytes=0-9' }).answer).status).to.equal(404);
    }
    expect(owner.events(device.udid).filter((event) => event === 'downloaded')).to.have.length(1);
    await owner.peer.end();
  });

  it('of two nodes that redeem one token at the same moment exactly one hands it over, 20 times', async () => {
    // Large enough that both are under way before either can be done.
    const image = LARGE.subarray(0, 8_000_000);
    await cluster.api(A).publish(image, { version: '1.1.0', platform: PLATFORM });
    const outcomes: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const url = await offerOn(round % 3);
      const answers = await Promise.all(
        [round + 1, round + 2].map((node) => fetchFrom(node % 3, url).answer),
      );
      const whole = answers.filter(isWhole);
      for (const { body } of whole) expect(body.equals(image)).to.equal(true);
      outcomes.push(whole.length);
      expect((await fetchFrom(A, url, { Range: 'bytes=0-0' }).answer).status).to.equal(
        whole.length === 1 ? 404 : 206,
      );
    }
    expect(outcomes, 'whole bodies in each round').to.deep.equal(Array(20).fill(1));
  });

  it('a newer one on another node cuts the older, and completes', async () => {
    await cluster.api(A).publish(LARGE, { version: '1.1.0', platform: PLATFORM });
    const url = await offerOn(A);
    const older = fetchFrom(A, url);
    await older.got(10_000);
    older.pause();
    const newer = await fetchFrom(B, url).answer;
    expect(newer.body.equals(LARGE)).to.equal(true);
    older.resume();
    expect(isWhole(await older.answer), 'the older one').to.equal(false);
  });

  it("the owner's order on another node, with force, cuts the one under way and its token is dead", async () => {
    const api = cluster.api(A);
    const old = await api.publish(LARGE, { version: '1.1.0', platform: PLATFORM });
    const { id } = await api.publish(LARGE.subarray(0, 3_000_000), {
      version: '1.0.5',
      platform: PLATFORM,
    });
    expect(old.id).not.to.equal(id);
    const device = cluster.device(A, true);
    const url = await offerOn(A, device);
    const running = fetchFrom(A, url);
    await running.got(10_000);
    running.pause();
    const order = { firmware: id, forced: true };
    const { status } = await cluster.api(B).call('POST', `/devices/${device.udid}/update`, order);
    expect(status).to.equal(200);
    const second = await fetchFrom(B, await offerOn(B, device)).answer;
    expect(second.body.length).to.equal(3_000_000);
    running.resume();
    expect(isWhole(await running.answer), 'the one under way').to.equal(false);
    expect((await fetchFrom(C, url).answer).status).to.equal(404);
  });

  it("the device's own forced request to another node cuts the one under way", async () => {
    await cluster.api(A).publish(LARGE, { version: '1.1.0', platform: PLATFORM });
    const device = cluster.device(A, true);
    const url = await offerOn(A, device);
    const running = fetchFrom(A, url);
    await running.got(10_000);
    running.pause();
    device.server = cluster.node(B);
    const answer = await device.fetchByPost({ forced: 'true' });
    expect(answer.body.equals(LARGE)).to.equal(true);
    running.resume();
    expect(isWhole(await running.answer), 'the one under way').to.equal(false);
    expect((await fetchFrom(C, url).answer).status).to.equal(404);
  });

  it('kill -9 of a node during 100 downloads: all end installed, and no token hands over two bodies', async () => {
    const image = LARGE.subarray(0, 6_000_000);
    const owner = await OwnerPeer.open(cluster.node(B));
    const mqtt = await Balancer.start(cluster.nodes.map(({ mqttPort }) => mqttPort));
    const http = await Balancer.start(cluster.nodes.map(({ httpPort }) => httpPort));
    const { owner: name, deviceKey } = cluster.account;
    const server = {
      mqttUrl: `mqtt://127.0.0.1:${mqtt.port}`,
      httpUrl: `http://127.0.0.1:${http.port}`,
      owner: name,
      deviceKey,
    };
    const fleet = Array.from({ length: 100 }, (_, n) => {
      const { mac, udid } = cluster.device(A);
      const random = seededRandom(`nodes ${n}`);
      const common = { server, mac, udid, platform: PLATFORM, version: '1.0.0', autoUpdate: true, random };
      return {
        udid,
        device: new VirtualDevice({ ...common, freeSpace: 8 * MIB, rebootMs: { min: 50, max: 250 } }),
      };
    });
    const events = (event: 'answered' | 'installed') =>
      fleet.map(({ device }) => new Promise<void>((resolve) => void device.once(event, () => resolve())));
    const violations: string[] = [];
    for (const { device } of fleet) device.on('violation', (text) => violations.push(text));
    try {
      const ready = events('answered');
      for (const { device } of fleet) device.start();
      await Promise.all(ready);
      http.holdAfter = 20_000;
      const installed = events('installed');
      const { offered } = await cluster.api(C).publish(image, { version: '1.1.0', platform: PLATFORM });
      expect(offered).to.equal(100);
      await http.holds(100);
      const victim = cluster.node(A);
      const survivors = [cluster.node(B), cluster.node(C)];
      mqtt.use(survivors.map(({ mqttPort }) => mqttPort));
      http.use(survivors.map(({ httpPort }) => httpPort));
      await victim.kill();
      http.release();
      await Promise.all(installed);
      for (const { udid } of fleet) {
        await owner.event('installed', udid);
        const shown = await cluster.api(B).device(udid);
        expect(at(shown, 'update.state')).to.equal('installed');
        expect(at(shown, 'version')).to.equal('1.1.0');
        expect(owner.events(udid).filter((event) => event === 'installed')).to.have.length(1);
      }
      const bodies = new Map<string, number>();
      const broken = new Set<string>();
      for (const { request, head, received, port } of http.passages) {
        const token = /^GET \/device\/firmware\?ott=(\S+)/.exec(request)?.[1];
        if (token === undefined || !head.startsWith('HTTP/1.1 200')) continue;
        const isAll = received === head.length + 4 + image.length;
        bodies.set(token, (bodies.get(token) ?? 0) + (isAll ? 1 : 0));
        if (!isAll && port === victim.httpPort) broken.add(token);
      }
      const counts = [...bodies.values()];
      expect(Math.max(...counts), 'bodies handed over for one token').to.equal(1);
      expect(counts.filter((count) => count === 1).length, 'bodies handed over').to.equal(100);
      expect(broken.size, 'downloads that the kill broke off').to.be.within(20, 50);
      expect(violations).to.deep.equal([]);
    } finally {
      await Promise.all(fleet.map(({ device }) => device.stop()));
      await Promise.all([mqtt.close(), http.close(), owner.peer.drop()]);
    }
  });
});
