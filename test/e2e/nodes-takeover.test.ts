import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Cluster, LONG_MS } from '../support/cluster.js';
import { type Device, PLATFORM } from '../support/device.js';
import { at } from '../support/json.js';
import { MqttPeer } from '../support/mqtt-peer.js';
import { StateWatch, shownState } from '../support/state-watch.js';

const [A, B, C] = [0, 1, 2];
const HEARTBEAT_MS = 1000;

describe('a device that moves from node to node', function () {
  this.timeout(LONG_MS);
  let cluster: Cluster;
  let peers: MqttPeer[];

  before(async () => {
    cluster = await Cluster.start(3);
  });
  after(() => cluster?.dispose());
  beforeEach(() => {
    peers = [];
  });
  afterEach(async () => {
    await Promise.all(peers.map((peer) => peer.drop()));
    await cluster.api(A).clear();
  });

  /** One more connection of the device, with its will and its subscription, under this client id. */
  async function connect(device: Device, node: number, clientId = device.mac): Promise<MqttPeer> {
    const peer = await MqttPeer.open({
      url: cluster.node(node).mqttUrl,
      clientId,
      username: device.udid,
      password: cluster.account.deviceKey,
      will: { topic: device.status, payload: '{ "status" : "disconnected" }' },
    });
    peers.push(peer);
    await peer.subscribe(device.topic);
    return peer;
  }

  /** Everything this node had to say to the page has arrived: what comes last is about a device that is new. */
  async function behind(watch: StateWatch, node: number): Promise<void> {
    const { udid } = await registered(node);
    await watch.peer.inbox.next('the new device', ({ topic }) => topic.endsWith(udid));
  }

  async function registered(node: number): Promise<Device> {
    const device = cluster.device(node);
    device.platform = 'arduino:esp32';
    await device.register();
    return device;
  }

  const pushes = (peer: MqttPeer): number =>
    peer.inbox.all.filter(({ payload }) => payload.startsWith('{"FIRMWARE_UPDATE":true')).length;

  /** Everything the server had sent to this session has arrived. */
  async function fence(peer: MqttPeer, device: Device): Promise<void> {
    const topic = `${device.topic}/fence`;
    await peer.subscribe(topic);
    await peer.publish(topic, 'fence');
    await peer.inbox.next('the fence', (item) => item.topic === topic);
  }

  for (const [name, idOf] of [
    ['the same client id', (device: Device) => device.mac],
    ['another client id', (_: Device, n: number) => `other-${n}`],
  ] as const) {
    for (const [from, to, third] of [
      [A, B, C],
      [B, A, C],
    ] as const) {
      it(`is cut from node ${from}, stays on ${to} and is shown online throughout, with ${name}`, async () => {
        const device = cluster.device(from, true);
        const watch = await StateWatch.open(cluster.node(third));
        const first = await connect(device, from, idOf(device, 1));
        await first.publish(device.status, device.body(), { qos: 0 });
        await first.inbox.next('the answer');
        await watch.shows([device.udid], true);
        const page = await MqttPeer.open({
          url: cluster.node(third).mqttUrl,
          username: cluster.account.owner,
          password: cluster.account.ownerKey,
        });
        peers.push(page, watch.peer);

        let seen = Date.now();
        let longest = 0;
        let isOver = false;
        const looking = (async () => {
          while (!isOver) {
            const state = await shownState(page, cluster.account.owner, device.udid);
            if (at(state, 'online') === true) seen = Date.now();
            else longest = Math.max(longest, Date.now() - seen);
          }
        })();
        const second = await connect(device, to, idOf(device, 2));
        const begun = Date.now();
        await first.closed;
        const cutAfter = Date.now() - begun;
        await second.publish(device.status, device.body(), { qos: 0 });
        await second.inbox.next('the answer');
        const { offered } = await cluster
          .api(from)
          .publish(madeUpImage(2000, `${name}${from}`), { version: '1.1.0', platform: PLATFORM });
        await second.inbox.next('the push', ({ payload }) => payload.startsWith('{"FIRMWARE_UPDATE":true'));
        expect(offered).to.equal(1);
        await fence(second, device);
        // Whatever the first node had to say of the end of its session, it said before this.
        await behind(watch, from);
        isOver = true;
        await looking;
        expect(second.isConnected, 'the second connection').to.equal(true);
        expect([pushes(first), pushes(second)], 'pushes on the first, on the second').to.deep.equal([0, 1]);
        expect(cutAfter, 'ms until the first was cut').to.be.below(HEARTBEAT_MS);
        expect(longest, 'ms shown offline').to.be.at.most(HEARTBEAT_MS);
        expect(watch.isOnline(device.udid), 'what the page shows in the end').to.equal(true);
      });
    }

    it(`has one connection after 20 quick moves: the last, with ${name}`, async () => {
      const device = cluster.device(A, true);
      const watch = await StateWatch.open(cluster.node(B));
      peers.push(watch.peer);
      const moves: MqttPeer[] = [];
      for (let n = 0; n < 20; n += 1) moves.push(await connect(device, n % 3, idOf(device, n)));
      const last = moves.at(-1);
      await Promise.all(moves.slice(0, -1).map(({ closed }) => closed));
      await last?.publish(device.status, device.body(), { qos: 0 });
      await last?.inbox.next('the answer');
      await cluster.api(C).publish(madeUpImage(2000, name), { version: '1.1.0', platform: PLATFORM });
      await last?.inbox.next('the push', ({ payload }) => payload.startsWith('{"FIRMWARE_UPDATE":true'));
      for (const node of [A, B, C])
        expect(at(await cluster.api(node).device(device.udid), 'online')).to.equal(true);
      for (const node of [A, B, C]) await behind(watch, node);
      await watch.shows([device.udid], true);
      expect(last?.isConnected).to.equal(true);
    });
  }

  it('50 devices that drop on one node and connect to another at once are shown online in the end, always', async () => {
    const devices = Array.from({ length: 50 }, () => cluster.device(A, true));
    const udids = devices.map(({ udid }) => udid);
    const watch = await StateWatch.open(cluster.node(C));
    peers.push(watch.peer);
    await Promise.all(devices.map((device) => device.start()));
    await watch.shows(udids, true);
    for (let round = 1; round <= 6; round += 1) {
      await Promise.all(
        devices.map(async (device) => {
          const left = device.drop();
          device.server = cluster.node(round % 3);
          await device.subscribe();
          await left;
        }),
      );
      // Each node's own words come in order: behind these there is nothing left of the move.
      for (const node of [A, B, C]) await behind(watch, node);
      await watch.shows(udids, true, 3 * HEARTBEAT_MS);
    }
    await Promise.all(devices.map((device) => device.drop()));
    await watch.shows(udids, false);
  });
});
