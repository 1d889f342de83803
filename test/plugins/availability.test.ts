import { expect } from 'chai';
import type { Identity, Session } from '../../broker/plugin.js';
import type { Sessions } from '../../broker/sessions.js';
import { deviceTopic, statusTopic } from '../../core/topics.js';
import { Availability } from '../../plugins/availability.js';
import { anOwner } from '../support/broker-bench.js';
import { aCheckInBody, OWNER, UDID } from '../support/builders.js';
import { World, words } from '../support/domain.js';
import { loneSessions } from '../support/lone.js';

const SETTLE = 1500;
const TOPIC = deviceTopic(OWNER, UDID);
const STATUS = statusTopic(OWNER, UDID);

interface Fake extends Session {
  identity: Identity;
  said: string[];
  qos: (0 | 1)[];
  open: boolean;
}

describe('availability', () => {
  let world: World;
  let sessions: Sessions;
  let plugin: Availability;
  beforeEach(async () => {
    sessions = loneSessions();
    world = await World.open({ presence: sessions });
    const { conversations, announcer, conversation } = world.domain;
    plugin = new Availability(sessions, conversations, announcer, conversation, world.domain.json);
  });
  afterEach(() => world.close());

  /** A session with what it was granted; what it is sent on its own topic is kept. */
  const aSession = (
    grants: Record<string, 0 | 1 | 2> = { [TOPIC]: 0 },
    udid: string | undefined = UDID,
  ): Fake => {
    const session: Fake = {
      clientId: 'c',
      identity: anOwner({ scope: 'device', udid }),
      persistent: false,
      open: true,
      said: [],
      qos: [],
      filters: [],
      grantedQos: (topic) => grants[topic],
      bind: () => {},
      send: async (topic, payload, qos) => {
        expect(topic).to.equal(TOPIC);
        session.said.push(payload);
        session.qos.push(qos);
      },
      close: () => {
        session.open = false;
      },
    };
    return session;
  };
  const arrive = async (session: Fake): Promise<void> => {
    await plugin.connected(session);
    await plugin.subscribed(session, [TOPIC]);
  };
  const status = (session: Fake, text: string, topic = STATUS) =>
    plugin.published(session, { topic, payload: Buffer.from(text), qos: 0, retain: false, pushed: false });
  const checkIn = (session: Fake, change: Record<string, unknown> = {}) =>
    status(session, JSON.stringify(aCheckInBody(change)));

  it('CONNECT makes a device online and seen; the end of its session offline, and its owner hears of it', async () => {
    await world.device({ lastSeen: 0 });
    const session = aSession();
    await plugin.connected(session);
    expect(sessions.isOnline(UDID)).to.equal(true);
    expect((await world.record()).lastSeen).to.equal(world.clock.now());
    await plugin.disconnected(session);
    expect(sessions.isOnline(UDID)).to.equal(false);
    expect(world.events).to.deep.equal(['checkout']);
  });

  it('CONNECT plus SUBSCRIBE alone makes it available: it is offered after the pause', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const session = aSession();
    await arrive(session);
    await world.pass(SETTLE - 1);
    expect(session.said).to.deep.equal([]);
    await world.pass(1);
    expect(words(session.said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
  });

  it('a SUBSCRIBE to something else neither makes it available nor starts the pause anew', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const session = aSession();
    await arrive(session);
    await world.pass(SETTLE - 1, UDID);
    await plugin.subscribed(session, [`${TOPIC}/light`]);
    await world.pass(1, UDID);
    expect(words(session.said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
  });

  it('a check-in is answered, and its facts are kept', async () => {
    await world.device({ version: undefined });
    const session = aSession();
    await arrive(session);
    await checkIn(session, { version: '1.0.3' });
    expect(words(session.said)).to.deep.equal(['OK']);
    expect((await world.record()).version).to.equal('1.0.3');
  });

  it('garbage, status texts and messages elsewhere are never answered and harm nobody', async () => {
    await world.device();
    const session = aSession();
    await arrive(session);
    const texts = [
      '',
      'owner',
      '{',
      'null',
      '[]',
      '{"status":"update_started"}',
      '{"registration":{}}',
      '\xff\0',
    ];
    for (const text of texts) await status(session, text);
    await checkIn(session, { status: 'update_started' });
    await status(session, JSON.stringify(aCheckInBody()), `/${OWNER}/${UDID}/app`);
    expect(session.said).to.deep.equal([]);
    expect(world.events).not.to.include('checkin');
  });

  for (const [granted, expected] of [
    [0, 0],
    [1, 1],
    [2, 1],
  ] as const)
    it(`sends at QoS ${expected} when ${granted} was granted`, async () => {
      await world.device();
      const session = aSession({ [TOPIC]: granted });
      await arrive(session);
      await checkIn(session);
      expect(session.qos).to.deep.equal([expected]);
    });

  it('a device without a subscription to its topic is told nothing, but checked in', async () => {
    await world.device({ version: undefined, autoUpdate: true });
    await world.publish();
    const session = aSession({});
    await plugin.connected(session);
    await plugin.subscribed(session, [`/${OWNER}/shared/x`]);
    await checkIn(session);
    await world.pass(SETTLE);
    expect(session.said).to.deep.equal([]);
    expect((await world.record()).version).to.equal('1.0.0');
  });

  it('a check-in that comes before the SUBSCRIBE is answered once it can be heard', async () => {
    await world.device();
    const session = aSession();
    await plugin.connected(session);
    await checkIn(session);
    expect(session.said).to.deep.equal([]);
    await plugin.subscribed(session, [TOPIC]);
    await world.pass(SETTLE);
    expect(words(session.said)).to.deep.equal(['OK']);
  });

  it('SUBSCRIBE and check-in at the same time bring one answer', async () => {
    await world.device({ autoUpdate: true });
    await world.publish();
    const session = aSession();
    await Promise.all([plugin.connected(session), plugin.subscribed(session, [TOPIC]), checkIn(session)]);
    await world.pass(SETTLE);
    expect(words(session.said)).to.deep.equal(['FIRMWARE_UPDATE 1.1.0']);
  });

  it('a check-in that was said and gone still counts, and its owner is asked', async () => {
    await world.device({ version: undefined });
    await world.publish();
    const session = aSession();
    await plugin.connected(session);
    await plugin.disconnected(session);
    await checkIn(session);
    const { version, update } = await world.record();
    expect([version, update?.state]).to.deep.equal(['1.0.0', 'asked']);
  });

  it('a second session with the same UDID cuts the first, whose end is no check-out', async () => {
    await world.device();
    const [first, second] = [aSession(), aSession()];
    await arrive(first);
    await arrive(second);
    expect([first.open, second.open]).to.deep.equal([false, true]);
    await plugin.disconnected(first);
    expect(sessions.isOnline(UDID)).to.equal(true);
    expect(world.events).not.to.include('checkout');
    await checkIn(second);
    expect([first.said.length, second.said.length]).to.deep.equal([0, 1]);
  });

  it('a device that tells its UDID only by what it subscribes to arrives then', async () => {
    await world.device();
    const session = aSession({ [TOPIC]: 0 });
    session.identity = anOwner({ scope: 'device' });
    await plugin.connected(session);
    expect(sessions.isOnline(UDID)).to.equal(false);
    session.identity = anOwner({ scope: 'device', udid: UDID });
    await plugin.subscribed(session, [TOPIC]);
    expect(sessions.isOnline(UDID)).to.equal(true);
    await checkIn(session);
    expect(words(session.said)).to.deep.equal(['OK']);
  });

  it('nothing is left of a session that ended', async () => {
    await world.device({ autoUpdate: true });
    const session = aSession();
    await arrive(session);
    await plugin.disconnected(session);
    // What happened to the device is written down later, which is nothing of the session's.
    await world.domain.history.list(UDID);
    expect(world.clock.pending).to.equal(0);
    expect(world.domain.conversations.get(UDID)).to.equal(undefined);
    await world.publish();
    expect(session.said).to.deep.equal([]);
  });
});
