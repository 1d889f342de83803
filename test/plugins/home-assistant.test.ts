import { expect } from 'chai';
import type { Identity, Message, Session } from '../../broker/plugin.js';
import { FirmwireError } from '../../core/errors.js';
import type { HomeAssistantFeed } from '../../core/services/home-assistant-feed.js';
import { HomeAssistant } from '../../plugins/home-assistant.js';
import { anOwner } from '../support/broker-bench.js';
import { OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { World } from '../support/domain.js';
import { discoveryFaults } from '../support/home-assistant.js';

const STATUS = 'homeassistant/status';
const [CONFIG, STATE, COMMAND] = ['config', 'state', 'install'].map(
  (kind) => `homeassistant/update/${UDID}/${kind}`,
) as [string, string, string];
const OTHERS: readonly Identity[] = [
  anOwner({ scope: 'device', udid: UDID }),
  anOwner({ scope: 'device' }),
  anOwner({ udid: UDID }),
];

describe('home assistant', () => {
  let world: World;
  let plugin: HomeAssistant;
  let looked: string[];
  beforeEach(async () => {
    world = await World.open({ settings: { homeAssistant: { enabled: true } } });
    const { announcer, feed, installs } = world.domain;
    looked = [];
    const reconsider = announcer.reconsider.bind(announcer);
    announcer.reconsider = (udid) => {
      looked.push(udid);
      return reconsider(udid);
    };
    plugin = new HomeAssistant(feed.homeAssistant as HomeAssistantFeed, installs, announcer);
  });
  afterEach(() => world.close());

  const session = (identity: Identity = anOwner()) => ({ identity }) as Session;
  const message = (topic: string, text = 'x', change: Partial<Message> = {}): Message => ({
    topic,
    payload: Buffer.from(text),
    qos: 1,
    retain: false,
    pushed: false,
    ...change,
  });
  /** What the broker does with a message that may be published. */
  const publish = async (sent: Message, identity?: Identity): Promise<void> => {
    await plugin.publishing(session(identity), sent);
    await plugin.published(session(identity), sent);
  };
  const install = (change: Partial<Message> = {}, identity?: Identity) =>
    publish(message(COMMAND, 'install', change), identity);
  const state = async () => (await world.record()).update?.state;

  describe('rights', () => {
    it('an owner may publish the status and commands, and nothing else there', () => {
      for (const topic of [STATUS, COMMAND])
        expect(plugin.mayPublish(session(), topic), topic).to.equal('allow');
      for (const topic of [CONFIG, STATE, 'homeassistant/x', `${COMMAND}/x`, `${STATUS}/x`])
        expect(plugin.mayPublish(session(), topic), topic).to.equal('deny');
    });

    it('devices may neither publish, nor subscribe, nor receive', () => {
      for (const identity of OTHERS) {
        for (const topic of [STATUS, COMMAND, CONFIG])
          expect(plugin.mayPublish(session(identity), topic)).to.equal('deny');
        expect(plugin.maySubscribe(session(identity), 'homeassistant/#')).to.equal(undefined);
        for (const topic of [STATUS, CONFIG, STATE])
          expect(plugin.mayReceive(session(identity), message(topic, 'x', { owner: OWNER }))).to.equal(
            'deny',
          );
      }
    });

    it("an owner receives what is marked as theirs, never another's and nobody's", () => {
      for (const topic of [STATUS, CONFIG, STATE, 'homeassistant/x']) {
        for (const [owner, verdict] of [
          [OWNER, 'allow'],
          [OTHER_OWNER, 'deny'],
          [undefined, 'deny'],
        ] as const)
          expect(plugin.mayReceive(session(), message(topic, 'x', { owner })), topic).to.equal(verdict);
      }
      expect(plugin.mayReceive(session(), message(COMMAND, 'install', { owner: OWNER }))).to.equal('deny');
    });

    it('it has no say about other topics', () => {
      for (const topic of [`/${OWNER}/shared/x`, `/${OWNER}/rtm/events`, 'homeassistant', 'other/x']) {
        expect(plugin.mayPublish(session(), topic), topic).to.equal(undefined);
        expect(plugin.mayReceive(session(), message(topic, 'x', { owner: OWNER })), topic).to.equal(
          undefined,
        );
        expect(plugin.maySubscribe(session(), topic === 'homeassistant' ? 'x' : topic), topic).to.equal(
          undefined,
        );
      }
      expect(plugin.maySubscribe(session(), '#')).to.equal('allow');
    });
  });

  describe('"Install"', () => {
    it('approves, stored before it is acknowledged, and then looks at the device', async () => {
      await world.device();
      await world.publish();
      looked = [];
      const sent = message(COMMAND, 'install');
      await plugin.publishing(session(), sent);
      expect((await world.record()).update).to.include({ state: 'approved', consent: 'approved' });
      expect(looked).to.not.include(UDID);
      await plugin.published(session(), sent);
      expect(looked).to.deep.equal([UDID]);
    });

    for (const text of ['', 'INSTALL', 'install ', '"install"', 'no', '{"install":true}', '\u0000'])
      it(`is not said by ${JSON.stringify(text)}`, async () => {
        await world.device();
        await world.publish();
        looked = [];
        await publish(message(COMMAND, text));
        expect(await state()).to.equal('asked');
        expect(looked).to.deep.equal([]);
      });

    it('counts for nothing if it is retained, or is about no device', async () => {
      await world.device();
      await world.publish();
      await install({ retain: true });
      await publish(message(`homeassistant/update/${OTHER_UDID}/install`, 'install'));
      expect(await state()).to.equal('asked');
    });

    it("of another owner's device changes nothing and sets nothing going", async () => {
      await world.device();
      await world.publish();
      looked = [];
      await install({}, anOwner({ owner: OTHER_OWNER }));
      expect(await state()).to.equal('asked');
      expect(looked).to.deep.equal([]);
    });

    it('is not acknowledged while the store is away; any other failure is told', async () => {
      const { installs } = world.domain;
      installs.install = async () => Promise.reject(new FirmwireError('store_unavailable'));
      expect(await plugin.publishing(session(), message(COMMAND, 'install'))).to.equal('unstored');
      const broken = new Error('broken');
      installs.install = async () => Promise.reject(broken);
      const failure = plugin.publishing(session(), message(COMMAND, 'install'));
      expect(await failure?.catch((error: unknown) => error)).to.equal(broken);
    });
  });

  describe('when Home Assistant comes up', () => {
    const configs = () => world.told.filter(({ topic }) => topic.endsWith('/config'));

    it('it is shown all devices of that owner once more', async () => {
      await world.device();
      await world.device({ udid: OTHER_UDID, mac: undefined });
      await world.device({ udid: UDID.replace('0', '1'), owner: OTHER_OWNER, mac: undefined });
      await publish(message(STATUS, 'online'));
      expect(configs().map(({ topic }) => topic.split('/')[2])).to.have.members([UDID, OTHER_UDID]);
      for (const { owner, retain, payload } of configs()) {
        expect({ owner, retain }).to.deep.equal({ owner: OWNER, retain: true });
        expect(discoveryFaults(payload)).to.deep.equal([]);
      }
    });

    it('nothing is said when it goes, or says something else', async () => {
      await world.device();
      for (const text of ['offline', '', 'ONLINE', 'online ']) await publish(message(STATUS, text));
      await publish(message(`/${OWNER}/shared/x`, 'online'));
      expect(configs()).to.deep.equal([]);
    });

    it('many times at once, it is shown them twice', async () => {
      await world.device();
      await Promise.all(Array.from({ length: 20 }, () => publish(message(STATUS, 'online'))));
      expect(configs()).to.have.length(2);
      await publish(message(STATUS, 'online'));
      expect(configs()).to.have.length(3);
    });
  });
});
