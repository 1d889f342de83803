import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { HomeAssistantPeer } from '../support/home-assistant-peer.js';
import { at, parsed } from '../support/json.js';
import { REFUSED } from '../support/mqtt-peer.js';
import { type OwnerApi, ownerApi } from '../support/owner-api.js';
import { type Account, ServerProcess } from '../support/server-process.js';
import { UpdatingDevice } from '../support/updating-device.js';

const IMAGE = madeUpImage(1_000_000, 'home assistant');
const STATUS = 'homeassistant/status';

describe('Home Assistant, on a real server', function () {
  this.timeout(60_000);
  let server: ServerProcess;
  let bob: Account;
  let api: OwnerApi;
  let peers: HomeAssistantPeer[] = [];
  let devices: Device[] = [];

  before(async () => {
    server = await ServerProcess.start({ HOME_ASSISTANT_ENABLED: 'true', OFFERS_RETRY_SECONDS: '0.2' });
    bob = await server.addOwner('bob');
    api = ownerApi(server);
  });
  after(() => server?.dispose());
  afterEach(async () => {
    for (const { faults } of peers) expect(faults).to.deep.equal([]);
    await Promise.all([...peers.map(({ peer }) => peer.drop()), ...devices.map((device) => device.drop())]);
    peers = [];
    devices = [];
    await api.clear();
    await ownerApi(server, bob).clear();
  });

  async function homeAssistant(account: Account = server.account): Promise<HomeAssistantPeer> {
    const peer = await HomeAssistantPeer.open(server, account);
    peers.push(peer);
    return peer;
  }
  async function started(account: Account = server.account, autoUpdate?: boolean): Promise<Device> {
    const device = new Device(server, account);
    device.autoUpdate = autoUpdate;
    devices.push(device);
    await device.start();
    await device.next('ok');
    return device;
  }
  const state = async ({ udid }: Device): Promise<unknown> => at(await api.device(udid), 'update.state');

  it('shows each device when it subscribes, retained, from the records', async () => {
    const [first, second] = [await started(), await started()];
    const home = await homeAssistant();
    await home.start();
    for (const { udid, mac } of [first, second]) {
      const { retain, payload } = await home.config(udid);
      expect(retain).to.equal(true);
      expect(at(parsed(payload), 'device.connections')).to.deep.equal([
        ['mac', (mac.toLowerCase().match(/../g) ?? []).join(':')],
      ]);
      await home.follow(udid);
      const shown = await home.state(udid, () => true);
      expect(shown).to.include({ installed_version: '1.0.0', latest_version: '1.0.0', in_progress: false });
    }
    expect(home.peer.inbox.all.filter(({ topic }) => topic.endsWith('/config'))).to.have.length(2);
  });

  it('is shown all of them again when it says online, and nothing when it says offline', async () => {
    const { udid } = await started();
    const home = await homeAssistant();
    await home.start();
    await home.config(udid);
    await home.peer.publish(STATUS, 'offline');
    await home.peer.publish(STATUS, 'online');
    expect((await home.config(udid)).retain).to.equal(false);
    await home.fence();
    expect(home.peer.inbox.all.filter(({ topic }) => topic.endsWith('/config'))).to.have.length(2);
  });

  it('learns of a device that comes, gets another name, and is deleted', async () => {
    const home = await homeAssistant();
    await home.start();
    const { udid } = await started();
    await home.config(udid);
    await api.call('PATCH', `/devices/${udid}`, { alias: 'attic' });
    await home.config(udid, ({ payload }) => at(parsed(payload), 'device.name') === 'attic');
    expect((await api.call('DELETE', `/devices/${udid}`)).status).to.equal(204);
    await home.config(udid, ({ payload }) => payload === '');
    const late = await homeAssistant();
    await late.start();
    await late.fence();
    expect(late.peer.inbox.all.filter(({ topic }) => topic.includes('/update/'))).to.deep.equal([]);
  });

  it('"Install" approves, and the update is followed by percentages to its end', async () => {
    const device = await started();
    const home = await homeAssistant();
    await home.start();
    await home.follow(device.udid);
    await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    const asked = await home.state(device.udid, (shown) => at(shown, 'latest_version') === '1.1.0');
    expect(asked).to.include({ installed_version: '1.0.0', in_progress: false, update_percentage: null });
    expect(at(asked, 'release_summary')).to.match(/1\.1\.0 waits for your approval/);
    expect(await state(device)).to.equal('asked');

    const living = new UpdatingDevice(device, '1.1.0').live();
    await home.install(device.udid);
    await home.state(device.udid, (shown) => at(shown, 'in_progress') === true);
    await home.state(device.udid, (shown) => at(shown, 'installed_version') === '1.1.0');
    await living;
    const shown = home.states(device.udid);
    const percentages = shown.map((each) => at(each, 'update_percentage'));
    const numbers = percentages.filter((each): each is number => typeof each === 'number');
    // Of several states that wait to leave only the last does, so a step may be missing.
    expect(numbers.some((each) => each > 0 && each < 100)).to.equal(true);
    expect(numbers).to.deep.equal([...numbers].sort((a, b) => a - b));
    expect(shown.at(-1)).to.include({ latest_version: '1.1.0', in_progress: false, update_percentage: null });
    await home.config(device.udid, ({ payload }) => at(parsed(payload), 'device.sw_version') === '1.1.0');
  });

  it('"Install" after a no sends what was declined', async () => {
    const device = await started();
    await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    await api.call('POST', `/notices/${device.udid}/reply`, { response: false });
    const home = await homeAssistant();
    await home.follow(device.udid);
    const shown = await home.state(device.udid, () => true);
    expect(shown).to.include({ latest_version: '1.1.0', release_summary: 'You declined 1.1.0.' });
    await home.install(device.udid);
    await device.nextOffer();
  });

  it('other payloads, retained ones and those about foreign devices change nothing, and are not kept', async () => {
    const device = await started();
    await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
    const [home, stranger] = [await homeAssistant(), await homeAssistant(bob)];
    const command = home.command(device.udid);
    for (const payload of ['', 'INSTALL', 'yes', '{"payload":"install"}', 'install\n'])
      await home.peer.publish(command, payload);
    await home.peer.publish(command, 'install', { retain: true });
    await home.peer.publish(command, 'install', { retain: true, qos: 0 });
    await stranger.peer.publish(command, 'install');
    await home.fence();
    await stranger.fence();
    expect(await state(device)).to.equal('asked');
    expect([home, stranger].map(({ peer }) => peer.isConnected)).to.deep.equal([true, true]);
    // A retained command of long ago would come back with each of these.
    for (const peer of [home, stranger]) {
      await peer.peer.subscribe('homeassistant/#', 1);
      await peer.peer.subscribe(command, 1);
      await peer.fence();
      expect(peer.peer.inbox.all.filter(({ topic }) => topic === command)).to.deep.equal([]);
    }
  });

  describe('of another owner', () => {
    it('homeassistant/# brings only the own devices, retained and live', async () => {
      const [hers, his] = [await started(), await started(bob)];
      const [alice, stranger] = [await homeAssistant(), await homeAssistant(bob)];
      for (const { peer } of [alice, stranger])
        for (const filter of ['homeassistant/#', '#', '+/update/+/+', 'homeassistant/+/+/config'])
          expect(await peer.subscribe(filter, 1), filter).to.equal(1);
      await stranger.follow(hers.udid);
      await api.publish(IMAGE, { version: '1.1.0', platform: PLATFORM });
      await alice.state(hers.udid, (shown) => at(shown, 'latest_version') === '1.1.0');
      await alice.peer.publish(STATUS, 'online');
      await alice.config(hers.udid, ({ retain }) => !retain);
      await api.call('DELETE', `/devices/${hers.udid}`);
      await alice.config(hers.udid, ({ payload }) => payload === '');
      for (const peer of [alice, stranger]) await peer.fence();
      const udids = (peer: HomeAssistantPeer) =>
        new Set(peer.peer.inbox.all.flatMap(({ topic }) => /\/update\/([^/]+)/.exec(topic)?.[1] ?? []));
      expect([...udids(alice)]).to.deep.equal([hers.udid]);
      expect([...udids(stranger)]).to.deep.equal([his.udid]);
    });

    it('its status is heard by nobody else: not retained, not as a will, and by no device', async () => {
      const device = await started();
      const [alice, second, stranger] = [
        await homeAssistant(),
        await homeAssistant(),
        await homeAssistant(bob),
      ];
      for (const { peer } of [second, stranger]) await peer.subscribe('homeassistant/#', 1);
      await stranger.peer.subscribe(STATUS, 1);
      await device.peer.subscribe('/#');
      expect(await device.peer.subscribe('homeassistant/#')).to.equal(REFUSED);
      await alice.peer.publish(STATUS, 'online', { retain: true });
      await alice.peer.drop();
      for (const payload of ['online', 'offline'])
        await second.peer.inbox.next(
          `the own ${payload}`,
          (each) => each.topic === STATUS && each.payload === payload,
        );
      await stranger.fence();
      await device.fence();
      for (const peer of [stranger.peer, device.peer])
        expect(peer.inbox.all.filter(({ topic }) => topic.startsWith(STATUS))).to.deep.equal([]);
      const late = await homeAssistant();
      await late.peer.subscribe(STATUS, 1);
      await late.fence();
      expect(late.peer.inbox.all.filter(({ topic }) => topic === STATUS)).to.deep.equal([]);
    });

    it('what waits for a session that is away is its own', async () => {
      const [hers, his] = [await started(), await started(bob)];
      const away = { clean: false, clientId: 'home-assistant' };
      for (const account of [server.account, bob]) {
        const home = await HomeAssistantPeer.open(server, account, away);
        await home.peer.subscribe('homeassistant/#', 1);
        await home.peer.end();
      }
      await api.call('PATCH', `/devices/${hers.udid}`, { alias: 'hers' });
      await ownerApi(server, bob).call('PATCH', `/devices/${his.udid}`, { alias: 'his' });
      for (const [account, device] of [
        [server.account, hers],
        [bob, his],
      ] as const) {
        const back = await HomeAssistantPeer.open(server, account, away);
        peers.push(back);
        await back.config(device.udid);
        await back.state(device.udid, () => true);
        await back.fence();
        for (const { topic } of back.peer.inbox.all)
          expect(topic.includes(device.udid) || topic.includes('/fence'), topic).to.equal(true);
      }
    });
  });
});
