import { expect } from 'chai';
import { FirmwireError } from '../../../core/errors.js';
import { aCheckIn, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { tokenIn, World } from '../../support/domain.js';
import { discoveryFaults, stateFaults } from '../../support/home-assistant.js';
import { at, parsed } from '../../support/json.js';

const CONFIG = `homeassistant/update/${UDID}/config`;
const STATE = `homeassistant/update/${UDID}/state`;

describe('what Home Assistant is told', () => {
  let world: World;
  const open = async (settings = {}): Promise<void> => {
    world = await World.open({ settings: { homeAssistant: { enabled: true, ...settings } } });
  };
  afterEach(async () => {
    for (const { topic, payload } of world.told) {
      if (topic.endsWith('/state')) expect(stateFaults(payload)).to.deep.equal([]);
      if (topic.endsWith('/config') && payload !== '') expect(discoveryFaults(payload)).to.deep.equal([]);
    }
    await world.close();
  });

  const told = (topic: string): unknown[] =>
    world.told.filter((each) => each.topic === topic).map(({ payload }) => parsed(payload));
  const last = (topic = STATE): unknown => told(topic).at(-1);

  it('a new device: that there is one, then how it stands', async () => {
    await open();
    await world.domain.registry.admit(OWNER, UDID);
    const topics = world.told.map(({ topic }) => topic).filter((topic) => topic.startsWith('home'));
    expect(topics).to.deep.equal([CONFIG, STATE]);
    expect(last()).to.include({ in_progress: false, update_percentage: null });
  });

  it('a device with another name or version is described anew, and only then', async () => {
    await open();
    await world.device();
    await world.domain.registry.patch(OWNER, UDID, { tags: ['x'] });
    expect(told(CONFIG)).to.deep.equal([]);
    await world.domain.registry.patch(OWNER, UDID, { alias: 'attic' });
    expect(at(last(CONFIG), 'device.name')).to.equal('attic');
    await world.domain.records.change(UDID, (device) => ({ ...device, version: '3.0.0' }));
    expect(at(last(CONFIG), 'device.sw_version')).to.equal('3.0.0');
  });

  it('a device that is no more: an empty discovery message', async () => {
    await open();
    await world.device();
    await world.domain.registry.remove(OWNER, UDID);
    expect(world.told.filter(({ topic }) => topic === CONFIG)).to.deep.equal([
      { owner: OWNER, topic: CONFIG, payload: '', retain: true },
    ]);
  });

  it('an update from its question to its end, with every tenth of the download', async () => {
    await open();
    await world.device();
    await world.publish();
    expect(last()).to.include({ installed_version: '1.0.0', latest_version: '1.1.0', in_progress: false });
    const { conversation, said } = world.connection();
    await world.domain.installs.install(OWNER, UDID);
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    expect(last()).to.include({ in_progress: true, update_percentage: null });
    const delivery = await world.redeem(tokenIn(said));
    for (let bytes = 50; bytes < 1000; bytes += 50) await delivery.progress(bytes);
    const percentages = told(STATE).map((state) => at(state, 'update_percentage'));
    expect(percentages.filter((value) => value !== null)).to.deep.equal([10, 20, 30, 40, 50, 60, 70, 80, 90]);
    await delivery.beforeLastPiece([0, 1000]);
    await delivery.end([0, 1000], true);
    expect(last()).to.include({ in_progress: true, update_percentage: 100 });
    await world.domain.records.settled(UDID);
    await world.domain.registry.checkIn(UDID, aCheckIn({ version: '1.1.0' }));
    expect(last()).to.include({
      installed_version: '1.1.0',
      latest_version: '1.1.0',
      in_progress: false,
      update_percentage: null,
    });
  });

  it('nothing of a step while the store is away, which ends no download', async () => {
    let isAway = false;
    world = await World.open({
      settings: { homeAssistant: { enabled: true } },
      wrap: (stores) => ({
        ...stores,
        devices: {
          ...stores.devices,
          get: async (udid) => {
            if (isAway) throw new FirmwireError('store_unavailable');
            return stores.devices.get(udid);
          },
        },
      }),
    });
    await world.device({ autoUpdate: true });
    await world.publish();
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    const delivery = await world.redeem(tokenIn(said));
    isAway = true;
    await delivery.progress(300);
    isAway = false;
    await delivery.progress(600);
    expect(told(STATE).map((state) => at(state, 'update_percentage'))).to.not.include(30);
    expect(last()).to.include({ update_percentage: 60 });
  });

  it('what becomes available for a device whose record does not change by it, and what does no longer', async () => {
    await open();
    await world.device({ autoUpdate: true });
    await world.device({ udid: OTHER_UDID, mac: undefined, platform: 'arduino:esp32' });
    const { firmware } = await world.publish();
    expect(last()).to.include({ latest_version: '1.1.0' });
    await world.domain.publisher.withdraw(OWNER, firmware.id);
    expect(last()).to.include({ latest_version: '1.0.0' });
    expect(told(`homeassistant/update/${OTHER_UDID}/state`)).to.deep.equal([]);
  });

  it('on the topics of its own prefix', async () => {
    await open({ prefix: 'ha/discovery' });
    await world.domain.registry.admit(OWNER, UDID);
    const topics = world.told.map(({ topic }) => topic).filter((topic) => topic.startsWith('ha/'));
    expect(topics).to.deep.equal([`ha/discovery/update/${UDID}/config`, `ha/discovery/update/${UDID}/state`]);
  });

  it('nothing, unless it is enabled', async () => {
    world = await World.open();
    await world.domain.registry.admit(OWNER, UDID);
    await world.publish();
    await world.domain.registry.remove(OWNER, UDID);
    expect(world.told.filter(({ topic }) => !topic.startsWith('/'))).to.deep.equal([]);
    expect(world.domain.feed.homeAssistant).to.equal(undefined);
  });
});
