import { expect } from 'chai';
import type { Identity, Session } from '../../broker/plugin.js';
import type { RetainedMessage } from '../../broker/retained.js';
import { FirmwireRetained } from '../../broker/retained-source.js';
import type { Device } from '../../core/device.js';
import { Headcount } from '../../core/headcount.js';
import { asked } from '../../core/update.js';
import type { ServerView } from '../../core/view.js';
import { anOwner } from '../support/broker-bench.js';
import { aFirmware, NOW, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { CountedLimits } from '../support/counted-limits.js';
import { anImage, World } from '../support/domain.js';
import { discoveryFaults, stateFaults } from '../support/home-assistant.js';

const STATUS = `/${OWNER}/${UDID}/status`;
const STATE = `/${OWNER}/rtm/devices/${UDID}`;
const NOTICE = `/${OWNER}/rtm/notices/${UDID}`;
const question = (): Partial<Device> => ({ update: asked(undefined, aFirmware(), '1.0.0', NOW) });
const device = (udid: string | undefined) => anOwner({ scope: 'device', udid });

describe('the retained messages of an owner', () => {
  it('are bounded: what is new is not kept, what there was may change, and others are not concerned', async () => {
    const world = await World.open();
    const { retained: store, devices } = world.stores;
    const watch = new CountedLimits();
    const kept = new Headcount(2, (owner) => store.count(`/${owner}/`), world.clock);
    const source = new FirmwireRetained(store, devices, world.domain.feed, undefined, undefined, {
      kept,
      watch,
    });
    const put = (topic: string, text: string) => source.store({ topic, payload: Buffer.from(text), qos: 1 });
    const topics = () =>
      Array.from(store.withPrefix('/'), ({ topic, payload }) => `${topic.slice(-2)} ${payload}`);
    const of = (name: string, owner = OWNER) => `/${owner}/shared/${name}`;
    await put(of('a'), '1');
    await put(of('b'), '1');
    await put(of('c'), '1');
    await put(of('a'), '2');
    await put(of('d', OTHER_OWNER), '1');
    expect(topics().toSorted()).to.deep.equal(['/a 2', '/b 1', '/d 1']);
    expect(watch.counts).to.deep.equal({ retained: 1 });
    await put(of('b'), '');
    world.clock.advance(1000);
    await put(of('c'), '2');
    expect(topics().toSorted()).to.deep.equal(['/a 2', '/c 2', '/d 1']);
    await world.close();
  });
});

describe('the retained messages of Firmwire', () => {
  let world: World;
  let retained: FirmwireRetained;
  beforeEach(async () => {
    world = await World.open();
    retained = new FirmwireRetained(world.stores.retained, world.stores.devices, world.domain.feed);
  });
  afterEach(() => world.close());

  const keep = (topic: string, text = 'kept') =>
    retained.store({ topic, payload: Buffer.from(text), qos: 1 });
  const matching = async (identity: Identity, ...filters: string[]): Promise<RetainedMessage[]> => {
    const session = { identity } as Session;
    const granted = filters.map((topic) => ({ topic, qos: 1 as const }));
    const found: RetainedMessage[] = [];
    for await (const group of retained.matching({ session, granted })) found.push(...group);
    return found;
  };
  const topics = async (identity: Identity, ...filters: string[]): Promise<string[]> =>
    (await matching(identity, ...filters)).map(({ topic }) => topic).sort();

  it('of applications are kept as sent, each found once, by exact filters and by wildcards', async () => {
    await keep(STATUS);
    await keep(`/${OWNER}/shared/a`);
    const all = [`/${OWNER}/shared/a`, STATUS].sort();
    for (const filters of [['#'], ['/#', '/+/#'], [`/${OWNER}/#`, STATUS], [STATUS, `/${OWNER}/shared/+`]])
      expect(await topics(anOwner(), ...filters), filters.join()).to.deep.equal(all);
    expect(await topics(anOwner(), STATUS, STATUS)).to.deep.equal([STATUS]);
    expect(await topics(anOwner(), `/${OWNER}/+/status`)).to.deep.equal([STATUS]);
  });

  it('are forgotten by an empty payload', async () => {
    await keep(STATUS);
    await keep(STATUS, '');
    expect(await topics(anOwner(), '#')).to.deep.equal([]);
  });

  it('of another owner are not even read', async () => {
    await keep(`/${OTHER_OWNER}/shared/a`);
    expect(await topics(anOwner(), '#', `/${OTHER_OWNER}/#`, '/+/shared/a')).to.deep.equal([]);
  });

  it('for a device lie in its own tree and in the shared one', async () => {
    const own = `/${OWNER}/${UDID}/app`;
    for (const topic of [own, `/${OWNER}/${OTHER_UDID}/app`, `/${OWNER}/shared/a`]) await keep(topic);
    expect(await topics(device(UDID), '/#')).to.deep.equal([own, `/${OWNER}/shared/a`].sort());
  });

  it('of the rtm tree are not stored, whoever sends them', async () => {
    for (const topic of [STATE, NOTICE, `/${OWNER}/rtm/events`, `${NOTICE}/reply`]) await keep(topic);
    expect([...world.stores.retained.withPrefix('')]).to.deep.equal([]);
  });

  it('tell an owner the state of each device and the open question, as the records stand', async () => {
    await world.device(question());
    await world.device({ udid: OTHER_UDID, mac: undefined });
    const otherState = `/${OWNER}/rtm/devices/${OTHER_UDID}`;
    expect(await topics(anOwner(), '#')).to.deep.equal([STATE, otherState, NOTICE].sort());
    expect(await topics(anOwner(), `/${OWNER}/rtm/notices/+`)).to.deep.equal([NOTICE]);
    expect(await topics(anOwner(), STATE)).to.deep.equal([STATE]);
    expect(await topics(anOwner(), `/${OWNER}/rtm/events`)).to.deep.equal([]);
    const [notice] = await matching(anOwner(), NOTICE);
    expect(notice?.payload.toString()).to.match(/^\{"notification"/);
    expect(notice?.qos).to.equal(1);
    const [state] = await matching(anOwner(), STATE);
    expect(JSON.parse(String(state?.payload))).to.include({ udid: UDID, alias: 'kitchen' });
  });

  it('say how things stand when each leaves, not when the records were read', async () => {
    let isOnline = false;
    const other = await World.open({ presence: { isOnline: () => isOnline } });
    try {
      const { stores, domain } = other;
      for (const udid of [UDID, OTHER_UDID]) await other.device({ udid, mac: undefined });
      const source = new FirmwireRetained(stores.retained, stores.devices, domain.feed);
      const granted = [{ topic: `/${OWNER}/rtm/devices/+`, qos: 1 as const }];
      const seen: unknown[] = [];
      for await (const group of source.matching({ session: { identity: anOwner() } as Session, granted }))
        for (const { payload } of group) {
          seen.push(JSON.parse(String(payload)).online);
          isOnline = true;
        }
      expect(seen).to.deep.equal([false, true]);
    } finally {
      await other.close();
    }
  });

  it('tell an owner all firmware, before the devices', async () => {
    await world.device(question());
    const { firmware } = await world.publish();
    await world.publish({ version: '1.2.0', rollout: 'none' }, anImage(1000, 2));
    const topic = `/${OWNER}/rtm/firmware/${firmware.id}`;
    const found = (await matching(anOwner(), `/${OWNER}/rtm/#`)).map((message) => message.topic);
    expect(found.slice(0, 2).every((each) => each.includes('/rtm/firmware/'))).to.equal(true);
    expect(found.slice(2)).to.have.members([STATE, NOTICE]);
    const [message, ...others] = await matching(anOwner(), topic);
    expect(others).to.deep.equal([]);
    expect(message).to.include({ topic, qos: 1, derived: true });
    expect(JSON.parse(String(message?.payload))).to.deep.include({ id: firmware.id, version: '1.1.0' });
    expect(await topics(anOwner(), `/${OWNER}/rtm/firmware/+`)).to.have.length(2);
    expect(await topics(anOwner(), `/${OWNER}/rtm/firmware/none`)).to.deep.equal([]);
    await world.domain.publisher.withdraw(OWNER, firmware.id);
    expect(await topics(anOwner(), topic)).to.deep.equal([]);
  });

  describe('for Home Assistant', () => {
    const [config, state] = ['config', 'state'].map((kind) => `homeassistant/update/${UDID}/${kind}`) as [
      string,
      string,
    ];
    beforeEach(async () => {
      await world.close();
      world = await World.open({ settings: { homeAssistant: { enabled: true } } });
      retained = new FirmwireRetained(world.stores.retained, world.stores.devices, world.domain.feed);
      await world.device();
      await world.device({ udid: OTHER_UDID, owner: OTHER_OWNER, mac: undefined });
    });

    it("show an owner's own devices, marked as theirs", async () => {
      for (const filters of [
        ['homeassistant/#'],
        ['homeassistant/+/+/config', state],
        [config, state, config],
      ]) {
        const found = await matching(anOwner(), ...filters);
        expect(found.map(({ topic }) => topic)).to.deep.equal([config, state]);
        for (const { owner, qos, derived } of found)
          expect({ owner, qos, derived }).to.deep.equal({ owner: OWNER, qos: 1, derived: true });
        expect(discoveryFaults(String(found[0]?.payload))).to.deep.equal([]);
        expect(stateFaults(String(found[1]?.payload))).to.deep.equal([]);
      }
      expect(await topics(anOwner(), '#')).to.deep.equal([STATE, config, state].sort());
    });

    it("show nothing of another owner's, not even by name, and nothing to devices", async () => {
      const foreign = `homeassistant/update/${OTHER_UDID}/config`;
      expect(await topics(anOwner(), foreign)).to.deep.equal([]);
      expect(await topics(anOwner({ owner: OTHER_OWNER }), config, state)).to.deep.equal([]);
      for (const identity of [device(UDID), device(undefined), anOwner({ udid: UDID })])
        expect(await topics(identity, 'homeassistant/#', config)).to.deep.equal([]);
    });

    it('are not looked for where filters cannot bring them', async () => {
      world.stores.devices.all = () => {
        throw new Error('all devices are read');
      };
      for (const filter of [
        'homeassistant/status',
        'homeassistant/light/+/config',
        'homeassistant/update/+/+/config',
      ])
        expect(await topics(anOwner(), filter), filter).to.deep.equal([]);
      expect(await topics(anOwner(), config)).to.deep.equal([config]);
    });

    it('are never stored, whoever sends them', async () => {
      for (const topic of [config, state, 'homeassistant/status', `homeassistant/update/${UDID}/install`])
        await keep(topic);
      expect([...world.stores.retained.withPrefix('')]).to.deep.equal([]);
    });
  });

  it('tell nothing of that to devices and to other owners', async () => {
    await world.device(question());
    const { firmware } = await world.publish({ rollout: 'none' });
    const named = `/${OWNER}/rtm/firmware/${firmware.id}`;
    expect(await topics(device(UDID), '#', named)).to.deep.equal([]);
    expect(await topics(device(undefined), '#')).to.deep.equal([]);
    expect(await topics(anOwner({ udid: UDID }), '#')).to.deep.equal([]);
    expect(await topics(anOwner({ owner: OTHER_OWNER }), '#', NOTICE, STATE, named)).to.deep.equal([]);
  });

  describe('tell an owner of the server itself', () => {
    const SERVER = `/${OWNER}/rtm/server`;
    const view: ServerView = { version: '0.1.0', mqttPort: 1883, maxUploadBytes: 1000, postponeHours: 24 };
    let told: ServerView | undefined;
    beforeEach(() => {
      told = view;
      const { stores, domain } = world;
      retained = new FirmwireRetained(stores.retained, stores.devices, domain.feed, undefined, () => told);
    });
    const listed = async (...filters: string[]): Promise<string[]> =>
      (await matching(anOwner(), ...filters)).map(({ topic }) => topic);

    it('last, which ends the listing', async () => {
      await keep(STATUS);
      await world.device(question());
      await world.device({ udid: OTHER_UDID, mac: undefined });
      await world.publish({ rollout: 'none' });
      for (const filter of [`/${OWNER}/rtm/#`, '#', `/${OWNER}/rtm/+`, `/+/+/#`]) {
        const topics = await listed(filter);
        expect(topics.at(-1), filter).to.equal(SERVER);
        expect(topics.filter((topic) => topic === SERVER)).to.have.length(1);
      }
      expect(await listed(`/${OWNER}/rtm/#`)).to.have.length(5);
      // Whatever the order in which filters are named, and once for all of them.
      expect((await listed(SERVER, `/${OWNER}/rtm/devices/+`, `/${OWNER}/rtm/+`)).slice(2)).to.deep.equal([
        SERVER,
      ]);
    });

    it('alone where it is named', async () => {
      await world.device(question());
      const found = await matching(anOwner(), SERVER);
      expect(found).to.have.length(1);
      expect(found[0]).to.include({ topic: SERVER, qos: 1, derived: true });
      expect(JSON.parse(String(found[0]?.payload))).to.deep.equal(view);
      for (const filter of [
        STATE,
        `/${OWNER}/rtm/devices/+`,
        `/${OWNER}/rtm/server/+`,
        `/${OWNER}/rtm/events`,
      ])
        expect(await listed(filter), filter).not.to.contain(SERVER);
    });

    it('as it is now, and not before it can be told', async () => {
      told = undefined;
      expect(await listed(`/${OWNER}/rtm/#`)).to.deep.equal([]);
      told = { ...view, mqttPort: null };
      const [message] = await matching(anOwner(), SERVER);
      expect(JSON.parse(String(message?.payload))).to.include({ mqttPort: null });
    });

    it('and nobody else', async () => {
      for (const identity of [device(UDID), device(undefined), anOwner({ udid: UDID })])
        expect(await topics(identity, '#', SERVER, `/${OWNER}/rtm/#`)).to.deep.equal([]);
      const other = anOwner({ owner: OTHER_OWNER });
      expect(await topics(other, SERVER, `/${OWNER}/rtm/#`)).to.deep.equal([]);
      expect(await topics(other, '#')).to.deep.equal([`/${OTHER_OWNER}/rtm/server`]);
    });

    it('whatever is published there', async () => {
      await keep(SERVER, '{"version":"forged"}');
      expect([...world.stores.retained.withPrefix('')]).to.deep.equal([]);
      const [message, ...others] = await matching(anOwner(), SERVER);
      expect(others).to.deep.equal([]);
      expect(JSON.parse(String(message?.payload))).to.deep.equal(view);
    });
  });
});
