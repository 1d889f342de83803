import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Cluster, LONG_MS } from '../support/cluster.js';
import { type Device, PLATFORM } from '../support/device.js';
import { at, listAt, parsed, textAt } from '../support/json.js';
import type { OwnerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { readPayload } from '../support/payload.js';
import { exchange, getRequest, isWhole, type RawAnswer } from '../support/raw-http.js';

const IMAGE = madeUpImage(60_000, 'nodes');
const [A, B, C] = [0, 1, 2];

/** Starts devices a few at a time, as a load balancer would let them in. */
async function startAll(devices: readonly Device[], width = 25): Promise<void> {
  for (let from = 0; from < devices.length; from += width) {
    const some = devices.slice(from, from + width);
    await Promise.all(some.map((device) => device.start()));
    await Promise.all(some.map((device) => device.next('ok', LONG_MS)));
  }
}

/** The names in a device's history, once there is one of this name: what other nodes noted is written within a second. */
async function until(api: OwnerApi, udid: string, name: string): Promise<unknown[]> {
  for (const end = Date.now() + LONG_MS / 2; ; ) {
    const { body } = await api.call('GET', `/devices/${udid}/events`);
    const names = listAt(body, 'events').map((event) => at(event, 'event'));
    if (names.includes(name) || Date.now() > end) return names;
  }
}

const offerOf = (answer: RawAnswer) => {
  const { kind, registration } = readPayload(answer.body.toString());
  return { kind, url: String(registration['url']), version: registration['version'] };
};

describe('several nodes are one server', function () {
  this.timeout(LONG_MS);
  let cluster: Cluster;
  let devices: Device[];

  before(async () => {
    cluster = await Cluster.start(3);
  });
  after(() => cluster?.dispose());
  beforeEach(() => {
    devices = [];
  });
  afterEach(async () => {
    await Promise.all(devices.map((device) => device.drop()));
    await cluster.api(A).clear();
  });

  function newDevice(node: number, autoUpdate?: boolean): Device {
    const device = cluster.device(node, autoUpdate);
    devices.push(device);
    return device;
  }

  async function started(node: number, autoUpdate?: boolean): Promise<Device> {
    const device = newDevice(node, autoUpdate);
    await device.start();
    await device.next('ok');
    return device;
  }

  const publish = (node: number, version = '1.1.0', image = IMAGE) =>
    cluster.api(node).publish(image, { version, platform: PLATFORM });

  const stateOn = async (node: number, device: Device): Promise<unknown> =>
    at(await cluster.api(node).device(device.udid), 'update.state');

  it('300 devices on three nodes, published on one: all are told once, at once, and install', async () => {
    const fleet = Array.from({ length: 300 }, (_, n) => newDevice(n % 3, true));
    await startAll(fleet);
    const begun = performance.now();
    const told = fleet.map(async (device) => {
      const offer = await device.nextOffer();
      return { offer, ms: performance.now() - begun };
    });
    const published = await publish(A);
    const answered = performance.now() - begun;
    expect(published.offered, 'offered, as the publish answered').to.equal(300);
    const offers = await Promise.all(told);
    const last = Math.max(...offers.map(({ ms }) => ms));
    console.log(
      `      all 300 told ${last.toFixed(0)} ms after the publish began, answered after ${answered.toFixed(0)} ms`,
    );
    // Whatever a second word would be, it would have come before the fence.
    await Promise.all(fleet.map((device) => device.fence()));
    expect(fleet.filter(({ offers: count }) => count !== 1)).to.deep.equal([]);
    expect(new Set(offers.map(({ offer }) => offer.ott))).to.have.property('size', 300);
    const owner = await OwnerPeer.open(cluster.node(C));
    for (let from = 0; from < fleet.length; from += 50) {
      const some = [...fleet.entries()].slice(from, from + 50);
      await Promise.all(
        some.map(async ([n, device]) => {
          await device.drop();
          device.server = cluster.node((n + 1) % 3);
          const answer = await device.download(String(offers[n]?.offer.url));
          expect(answer.body.equals(IMAGE)).to.equal(true);
          device.version = '1.1.0';
          device.server = cluster.node((n + 2) % 3);
          await device.start();
          await device.next('ok');
        }),
      );
    }
    const { body } = await cluster.api(B).call('GET', '/devices?limit=1000');
    const states = listAt(body, 'devices').map((device) => at(device, 'update.state'));
    expect(states).to.deep.equal(Array(300).fill('installed'));
    await Promise.all(fleet.map((device) => owner.event('installed', device.udid)));
    await owner.peer.end();
  });

  it('questions reach the page on another node, live and retained, and an answer counts wherever it is given', async () => {
    const asked = Array.from({ length: 100 }, (_, n) => newDevice(n % 2 === 0 ? B : C, false));
    await startAll(asked);
    const page = await OwnerPeer.open(cluster.node(A));
    expect((await publish(A)).asked).to.equal(100);
    const notices = await Promise.all(asked.map((device) => page.notice(device.udid)));
    expect(notices.filter(({ retain }) => retain)).to.deep.equal([]);
    const later = await OwnerPeer.open(cluster.node(B));
    const kept = await Promise.all(asked.map((device) => later.notice(device.udid)));
    expect(kept.filter(({ retain }) => !retain)).to.deep.equal([]);

    const part = (n: number) => asked.filter((_, index) => Math.floor(index / 2) % 4 === n);
    const [byMqtt, byHttp, declined, open] = [part(0), part(1), part(2), part(3)];
    await Promise.all([
      ...byMqtt.map((device) => page.reply(device.udid, true)),
      ...declined.map((device) => page.reply(device.udid, false)),
      ...byHttp.map(async (device) => {
        const path = `/notices/${device.udid}/reply`;
        const { status } = await cluster.api(C).call('POST', path, { response: true });
        expect(status).to.equal(200);
      }),
    ]);
    const answered = [...byMqtt, ...byHttp, ...declined];
    await Promise.all(answered.flatMap(({ udid }) => [later.cleared(udid), page.cleared(udid)]));
    await Promise.all([...byMqtt, ...byHttp].map((device) => device.nextOffer()));
    await Promise.all(asked.map((device) => device.fence()));
    const counts = (some: readonly Device[]) => new Set(some.map(({ offers }) => offers));
    expect([...counts([...byMqtt, ...byHttp])], 'approved').to.deep.equal([1]);
    expect([...counts([...declined, ...open])], 'declined or open').to.deep.equal([0]);
    for (const device of declined) expect(await stateOn(B, device)).to.equal('declined');

    const third = await OwnerPeer.open(cluster.node(C));
    // A device's state comes behind its notice.
    await Promise.all(asked.map(({ udid }) => third.state(udid, true)));
    const topics = third.peer.inbox.all.map(({ topic }) => topic);
    expect(topics.filter((topic) => topic.includes('/notices/')).sort()).to.deep.equal(
      open.map(({ udid }) => third.noticeTopic(udid)).sort(),
    );
    await Promise.all([page.peer.end(), later.peer.end(), third.peer.end()]);
  });

  it('a page that logs in while questions are answered elsewhere shows in the end what is still open', async () => {
    const asked = Array.from({ length: 200 }, (_, n) => newDevice(n % 3, false));
    await startAll(asked);
    // Kept states come in the order of the UDIDs, and nothing new is said of this one.
    const last = Object.assign(cluster.device(A), { udid: 'ffffffff-ffff-4fff-bfff-ffffffffffff' });
    last.platform = 'arduino:esp32';
    await last.register();
    for (let round = 1; round <= 3; round += 1) {
      expect((await publish(A, `1.${round}.0`)).asked).to.equal(200);
      const opening = OwnerPeer.open(cluster.node(B));
      const answers = await Promise.all(
        asked.map(({ udid }, n) =>
          cluster.api(n % 2 === 0 ? A : C).call('POST', `/notices/${udid}/reply`, { response: false }),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([200]));
      const page = await opening;
      // What was kept has all come, and what every node had to say before this.
      await page.state(last.udid, true);
      for (const node of cluster.nodes) {
        last.server = node;
        await last.register();
        await page.event('checkin', last.udid);
      }
      const shown = new Map(page.peer.inbox.all.map(({ topic, payload }) => [topic, payload]));
      const wrong = asked.filter(({ udid }) => (shown.get(page.noticeTopic(udid)) ?? '') !== '');
      expect(wrong.length, `questions that are answered and still shown, round ${round}`).to.equal(0);
      await page.peer.end();
    }
  });

  it('a check-in over HTTP on one node right after a publish on another gets the offer, and any node serves it', async () => {
    const device = newDevice(C, true);
    for (let round = 1; round <= 20; round += 1) {
      // Every node has the owner's firmware in mind from the round before.
      for (const node of cluster.nodes) {
        device.server = node;
        await device.register();
      }
      const image = madeUpImage(3000 + round, `round ${round}`);
      await publish(round % 3, `1.${round}.0`, image);
      device.server = cluster.node((round + 1) % 3);
      const offer = offerOf(await device.register());
      expect(offer).to.include({ kind: 'update', version: `1.${round}.0` });
      device.server = cluster.node((round + 2) % 3);
      expect((await device.download(offer.url)).body.equals(image)).to.equal(true);
      device.version = `1.${round}.0`;
    }
  });

  it('what is withdrawn on one node is taken back from devices on all, and a download there is cut', async () => {
    const [onA, onC] = await Promise.all([started(A, true), started(C, true)]);
    const page = await OwnerPeer.open(cluster.node(C));
    const { id } = await publish(A, '1.1.0', madeUpImage(12_000_000, 'withdrawn'));
    const offers = await Promise.all([onA.nextOffer(), onC.nextOffer()]);
    const running = exchange(cluster.node(A).httpPort, getRequest(offers[0].url));
    await running.got(10_000);
    running.pause();
    const { status } = await cluster.api(B).call('DELETE', `/firmware/${id}`);
    expect(status).to.equal(204);
    running.resume();
    expect(isWhole(await running.answer), 'the download on A').to.equal(false);
    for (const node of cluster.nodes) {
      onA.server = node;
      for (const { url } of offers) expect((await onA.download(url)).status).to.equal(404);
    }
    for (const device of [onA, onC]) {
      await page.event('withdrawn', device.udid);
      expect(await stateOn(C, device)).to.equal('withdrawn');
    }
    await page.peer.end();
  });

  it('an owner is shown all firmware, whichever node it is published and withdrawn on, and they listen on', async () => {
    const early = await OwnerPeer.open(cluster.node(C));
    const { id } = await publish(A);
    const { body } = await cluster.api(B).call('GET', `/firmware/${id}`);
    const late = await OwnerPeer.open(cluster.node(B));
    for (const message of [await early.firmware(id, false), await late.firmware(id, true)])
      expect(parsed(message.payload)).to.deep.equal(at(body, 'firmware'));
    expect((await cluster.api(B).call('DELETE', `/firmware/${id}`)).status).to.equal(204);
    for (const page of [early, late]) expect((await page.firmware(id, false)).payload).to.equal('');
    const last = await OwnerPeer.open(cluster.node(A));
    await last.fence();
    expect(last.peer.inbox.all.filter(({ topic }) => topic.includes('/rtm/firmware/'))).to.deep.equal([]);
    await Promise.all([early, late, last].map(({ peer }) => peer.end()));
  });

  it('any node tells what has happened to a device, wherever it happened, and forgets it with the device', async () => {
    const device = await started(A, true);
    await publish(B);
    const { url } = await device.nextOffer();
    device.server = cluster.node(C);
    await device.download(url);
    device.version = '1.1.0';
    await device.register();
    for (const node of cluster.nodes.keys()) {
      const names = await until(cluster.api(node), device.udid, 'installed');
      for (const name of ['created', 'checkin', 'offered', 'downloading', 'downloaded'])
        expect(names, `node ${node}`).to.include(name);
    }
    expect((await cluster.api(B).call('DELETE', `/devices/${device.udid}`)).status).to.equal(204);
    expect((await cluster.api(C).call('GET', `/devices/${device.udid}/events`)).status).to.equal(404);
  });

  it('a key revoked on one node cuts the sessions on the others, and opens no new ones', async () => {
    const api = cluster.api(A);
    const { body } = await api.call('POST', '/keys', { alias: 'lost', scope: 'device' });
    const lost = { ...cluster.account, deviceKey: textAt(body, 'key.secret') };
    const bystander = await started(B, true);
    const cut = [cluster.device(B, true), cluster.device(C, true)].map((device) =>
      Object.assign(device, { account: lost }),
    );
    for (const device of cut) await device.start();
    const peers = cut.map(({ peer }) => peer);
    const id = textAt(body, 'key.id');
    expect((await api.call('DELETE', `/keys/${id}`)).status).to.equal(204);
    await Promise.all(peers.map(({ closed }) => closed));
    for (const device of cut) {
      expect(await device.connect().then(() => 'let in', String)).not.to.equal('let in');
      expect((await device.register()).status).to.equal(403);
    }
    await bystander.fence();
    expect(bystander.peer.isConnected).to.equal(true);
  });

  it('a device deleted on one node is cut on the other, and its token is dead', async () => {
    const device = await started(B, true);
    const page = await OwnerPeer.open(cluster.node(C));
    await publish(A);
    const { url } = await device.nextOffer();
    const { peer } = device;
    expect((await cluster.api(A).call('DELETE', `/devices/${device.udid}`)).status).to.equal(204);
    await peer.closed;
    await page.event('removed', device.udid);
    expect((await device.download(url)).status).to.equal(404);
    expect((await cluster.api(C).call('GET', `/devices/${device.udid}`)).status).to.equal(404);
    await page.peer.end();
  });

  it('a device renamed on one node has its name on all, at once', async () => {
    const device = await started(C, true);
    const page = await OwnerPeer.open(cluster.node(B));
    for (let round = 0; round < 10; round += 1) {
      const alias = `hall ${round}`;
      const node = round % 3;
      const { status } = await cluster.api(node).call('PATCH', `/devices/${device.udid}`, { alias });
      expect(status).to.equal(200);
      for (const other of [A, B, C])
        expect(at(await cluster.api(other).device(device.udid), 'alias')).to.equal(alias);
      await page.peer.inbox.next('the state', ({ payload }) => payload.includes(`"alias":"${alias}"`));
    }
    await device.checkIn();
    expect((await device.next('ok')).registration['alias']).to.equal('hall 9');
    await page.peer.end();
  });
});
