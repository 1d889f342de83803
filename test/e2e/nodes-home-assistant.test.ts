import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Cluster, LONG_MS } from '../support/cluster.js';
import { PLATFORM } from '../support/device.js';
import { HomeAssistantPeer } from '../support/home-assistant-peer.js';
import { at } from '../support/json.js';
import type { Account } from '../support/server-process.js';
import { UpdatingDevice } from '../support/updating-device.js';

const [A, B] = [0, 1];

describe('Home Assistant on one node, devices on another', function () {
  this.timeout(LONG_MS);
  let cluster: Cluster;
  let bob: Account;

  before(async () => {
    cluster = await Cluster.start(2, { HOME_ASSISTANT_ENABLED: 'true' });
    bob = await cluster.node(B).addOwner('bob');
  });
  after(() => cluster?.dispose());

  it('sees states of the other node, and what it installs is installed there; another owner sees nothing', async () => {
    const home = await HomeAssistantPeer.open(cluster.node(A), cluster.account);
    const strangers = await Promise.all(
      [A, B].map((node) => HomeAssistantPeer.open(cluster.node(node), bob)),
    );
    for (const { peer } of [home, ...strangers])
      for (const filter of ['homeassistant/#', '+/+/+/config']) await peer.subscribe(filter, 1);
    const device = cluster.device(B);
    await device.start();
    await device.next('ok');
    await home.config(device.udid);
    await home.state(device.udid, (shown) => at(shown, 'installed_version') === '1.0.0');

    await cluster.api(B).publish(madeUpImage(1_000_000, 'nodes'), { version: '1.1.0', platform: PLATFORM });
    await home.state(device.udid, (shown) => at(shown, 'latest_version') === '1.1.0');
    const living = new UpdatingDevice(device, '1.1.0').live();
    await home.install(device.udid);
    await home.state(device.udid, (shown) => Number(at(shown, 'update_percentage')) > 0);
    await home.state(device.udid, (shown) => at(shown, 'installed_version') === '1.1.0');
    await living;

    await home.peer.publish('homeassistant/status', 'online');
    await home.config(device.udid, ({ retain }) => !retain);
    await cluster.api(B).call('DELETE', `/devices/${device.udid}`);
    await home.config(device.udid, ({ payload }) => payload === '');
    expect(home.faults).to.deep.equal([]);
    for (const stranger of strangers) {
      await stranger.fence();
      const foreign = stranger.peer.inbox.all.filter(({ topic }) => !topic.startsWith(`/${bob.owner}/`));
      expect(foreign).to.deep.equal([]);
    }
    await Promise.all([home, ...strangers].map(({ peer }) => peer.drop()));
  });

  it('what waits for a session that is away lies in the queue of its owner only, and is there on another node', async () => {
    const away = { clean: false, clientId: 'home' };
    for (const account of [cluster.account, bob]) {
      const home = await HomeAssistantPeer.open(cluster.node(A), account, away);
      await home.peer.subscribe('homeassistant/#', 1);
      await home.peer.end();
    }
    const device = cluster.device(B);
    await device.start();
    await device.next('ok');
    // To Redis a message has as many readers as queues: one who is refused it must not count as one of them.
    const neighbour = await HomeAssistantPeer.open(cluster.node(B), bob, { clean: false, clientId: 'here' });
    await neighbour.peer.subscribe('homeassistant/#', 1);
    const watching = await HomeAssistantPeer.open(cluster.node(B), cluster.account);
    await watching.peer.subscribe('homeassistant/#', 1);
    await cluster.api(B).call('PATCH', `/devices/${device.udid}`, { alias: 'attic' });
    await watching.config(device.udid, ({ payload }) => payload.includes('attic'));
    const waiting = async ({ owner }: Account): Promise<number> =>
      Number(await cluster.redis.command('LLEN', `outgoing:${encodeURIComponent(`${owner}:owner:home`)}`));
    expect(await waiting(cluster.account)).to.be.greaterThan(0);
    expect(await waiting(bob)).to.equal(0);
    await neighbour.fence();
    const back = await HomeAssistantPeer.open(cluster.node(B), cluster.account, away);
    await back.config(device.udid, ({ payload }) => payload.includes('attic'));
    await back.state(device.udid, () => true);
    const stranger = await HomeAssistantPeer.open(cluster.node(B), bob, away);
    await stranger.fence();
    expect(stranger.peer.inbox.all.filter(({ topic }) => !topic.startsWith('/'))).to.deep.equal([]);
    await Promise.all([neighbour, watching, back, stranger].map(({ peer }) => peer.drop()));
    await device.drop();
  });
});
