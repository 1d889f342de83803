import { expect } from 'chai';
import fc from 'fast-check';
import type { Identity, Message, Session, Verdict } from '../../broker/plugin.js';
import { HomeAssistantTopics } from '../../core/home-assistant/topics.js';
import type { Registry } from '../../core/services/registry.js';
import { TopicRights } from '../../plugins/topic-rights.js';
import { anOwner } from '../support/broker-bench.js';
import { OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';

/** Everybody there is, as seen from the device `UDID` of `OWNER`. */
const WHO = {
  device: anOwner({ scope: 'device', udid: UDID }),
  'device with an owner key': anOwner({ udid: UDID }),
  owner: anOwner(),
  'other device': anOwner({ scope: 'device', udid: OTHER_UDID }),
  'unbound device': anOwner({ scope: 'device' }),
  'other owner': anOwner({ owner: OTHER_OWNER }),
  'device of another owner': anOwner({ owner: OTHER_OWNER, scope: 'device', udid: OTHER_UDID }),
} as const satisfies Record<string, Identity>;
type Who = keyof typeof WHO;

const DEVICE: Who[] = ['device', 'device with an owner key'];
const MEMBERS: Who[] = [...DEVICE, 'owner', 'other device', 'unbound device'];

interface Row {
  readonly publish: readonly Who[];
  readonly subscribe: readonly Who[];
  /** Who is brought a message that is no push. */
  readonly receive: readonly Who[];
  /** Who is brought what the server pushes to this very session. */
  readonly pushed?: readonly Who[];
}

/** The table of wire.md 1. Who may subscribe is wider than who receives: messages are filtered on the way out. */
const TABLE: Record<string, Row> = {
  [`/${OWNER}/${UDID}`]: {
    publish: [],
    subscribe: [...DEVICE, 'owner', 'unbound device'],
    receive: [],
    pushed: DEVICE,
  },
  [`/${OWNER}/${UDID}/status`]: {
    publish: DEVICE,
    subscribe: [...DEVICE, 'owner', 'unbound device'],
    receive: ['owner'],
  },
  [`/${OWNER}/${UDID}/app/x`]: {
    publish: [...DEVICE, 'owner'],
    subscribe: [...DEVICE, 'owner', 'unbound device'],
    receive: [...DEVICE, 'owner'],
  },
  [`/${OWNER}/shared/x`]: { publish: MEMBERS, subscribe: MEMBERS, receive: MEMBERS },
  [`/${OWNER}/rtm/devices/${UDID}`]: { publish: [], subscribe: ['owner'], receive: ['owner'] },
  [`/${OWNER}/rtm/notices/${UDID}`]: { publish: [], subscribe: ['owner'], receive: ['owner'] },
  [`/${OWNER}/rtm/firmware/some-id`]: { publish: [], subscribe: ['owner'], receive: ['owner'] },
  [`/${OWNER}/rtm/rollouts/some-id`]: { publish: [], subscribe: ['owner'], receive: ['owner'] },
  [`/${OWNER}/rtm/events`]: { publish: [], subscribe: ['owner'], receive: ['owner'] },
  [`/${OWNER}/rtm/server`]: { publish: [], subscribe: ['owner'], receive: ['owner'] },
  [`/${OWNER}/rtm/notices/${UDID}/reply`]: { publish: ['owner'], subscribe: ['owner'], receive: [] },
  [`/${OWNER}/neither`]: { publish: [], subscribe: ['owner'], receive: [] },
  [`/${OWNER}/shared`]: { publish: [], subscribe: MEMBERS, receive: [] },
  [`/${OWNER}x/shared/x`]: { publish: [], subscribe: [], receive: [] },
  '/lwt': { publish: [], subscribe: [], receive: [] },
  [`${OWNER}/${UDID}/status`]: { publish: [], subscribe: [], receive: [] },
};

const aMessage = (topic: string, pushed: boolean): Message => ({
  topic,
  payload: Buffer.from('x'),
  qos: 0,
  retain: false,
  pushed,
});

/** A session that can be bound, as the broker's. */
const aSession = (identity: Identity): Session => {
  const session = {
    clientId: 'c',
    identity,
    persistent: false,
    open: true,
    filters: [],
    grantedQos: () => undefined,
    bind: (udid: string) => {
      if (session.identity.udid === undefined) session.identity = { ...session.identity, udid };
    },
    send: async () => {},
    close: () => {},
  };
  return session;
};

describe('topic rights', () => {
  let admitted: string[];
  let admits: boolean;
  let rights: TopicRights;
  beforeEach(() => {
    admitted = [];
    admits = true;
    const admit = async (owner: string, udid: string) => {
      admitted.push(`${owner} ${udid}`);
      return admits;
    };
    rights = new TopicRights({ admit } as unknown as Registry);
  });

  const allowedTo = async (ask: (session: Session) => Verdict | Promise<Verdict>): Promise<string[]> => {
    const names: string[] = [];
    for (const [name, identity] of Object.entries(WHO))
      if ((await ask(aSession(identity))) === 'allow') names.push(name);
    return names;
  };

  for (const [topic, { publish, subscribe, receive, pushed = receive }] of Object.entries(TABLE)) {
    describe(topic.replace(OWNER, '<owner>').replace(UDID, '<udid>'), () => {
      it(`may be written by ${publish.join(', ') || 'nobody'}`, async () =>
        expect(await allowedTo((session) => rights.mayPublish(session, topic))).to.have.members(publish));
      it(`may be subscribed to by ${subscribe.join(', ') || 'nobody'}`, async () =>
        expect(await allowedTo((session) => rights.maySubscribe(session, topic))).to.have.members(subscribe));
      it(`is brought to ${receive.join(', ') || 'nobody'}`, async () =>
        expect(
          await allowedTo((session) => rights.mayReceive(session, aMessage(topic, false))),
        ).to.have.members(receive));
      it(`is brought, when it is the server's push to this session, to ${pushed.join(', ') || 'nobody'}`, async () =>
        expect(
          await allowedTo((session) => rights.mayReceive(session, aMessage(topic, true))),
        ).to.have.members(pushed));
    });
  }

  /** What a topic can be made of that somebody may have forgotten. */
  const level = fc.oneof(
    fc.constantFrom(
      '+',
      '#',
      '$',
      '$SYS',
      '%2F',
      '\u0000',
      '*',
      '?',
      '[a]',
      '__proto__',
      'constructor',
      '..',
    ),
    fc.constantFrom('', 'rtm', 'shared', 'status', 'devices', 'notices', 'reply', UDID, OTHER_UDID),
    fc.constantFrom(OWNER, OTHER_OWNER, OWNER.slice(1), `${OWNER}0`, OWNER.toUpperCase(), `${OWNER}%`),
    fc.string({ maxLength: 5 }),
  );
  const anyTopic = fc.array(level, { minLength: 1, maxLength: 6 }).map((levels) => levels.join('/'));

  it('whatever the topic: outside the own tree nobody writes, and nobody is brought anything', () => {
    fc.assert(
      fc.property(
        anyTopic,
        fc.constantFrom(...Object.values(WHO)),
        fc.boolean(),
        (topic, identity, pushed) => {
          if (topic.startsWith(`/${identity.owner}/`)) return;
          const session = aSession(identity);
          expect(rights.mayPublish(session, topic)).to.equal('deny');
          expect(rights.mayReceive(session, aMessage(topic, pushed))).to.equal('deny');
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("whatever the topic in the own tree: a device writes and reads neither another's nor its owner's", () => {
    fc.assert(
      fc.property(anyTopic, fc.boolean(), (rest, pushed) => {
        const topic = `/${OWNER}/${rest}`;
        const session = aSession(WHO.device);
        const own = topic.startsWith(`/${OWNER}/${UDID}/`) || topic === `/${OWNER}/${UDID}`;
        if (own || topic.startsWith(`/${OWNER}/shared/`)) return;
        expect(rights.mayPublish(session, topic)).to.equal('deny');
        expect(rights.mayReceive(session, aMessage(topic, pushed))).to.equal('deny');
      }),
      { numRuns: 3000 },
    );
  });

  const everybody = Object.keys(WHO);
  const FILTERS: [filter: string, who: readonly string[]][] = [
    ['/#', everybody],
    ['#', everybody],
    ['+/+/#', everybody],
    [`/${OWNER}/#`, MEMBERS],
    [`/${OWNER}/+/status`, MEMBERS],
    [`/+/${UDID}/status`, [...DEVICE, 'owner', 'other owner']],
    [`/${OWNER}/rtm/#`, ['owner']],
    [`/${OWNER}`, ['owner']],
    ['/', []],
  ];
  for (const [filter, who] of FILTERS)
    it(`${filter.replace(OWNER, '<owner>').replace(UDID, '<udid>')} is granted to ${who.join(', ') || 'nobody'}`, async () =>
      expect(await allowedTo((session) => rights.maySubscribe(session, filter))).to.have.members(who));

  describe('topics that another plugin knows', () => {
    const elsewhere = new HomeAssistantTopics('homeassistant');
    const silent = new TopicRights({} as Registry, elsewhere);

    it('are left to it, in silence', () => {
      const session = aSession(WHO.owner);
      for (const topic of ['homeassistant/status', 'homeassistant/x']) {
        expect(silent.mayPublish(session, topic)).to.equal(undefined);
        expect(silent.maySubscribe(session, topic)).to.equal(undefined);
        expect(silent.mayReceive(session, aMessage(topic, false))).to.equal(undefined);
        expect(silent.mayReceive(session, { ...aMessage(topic, false), owner: OWNER })).to.equal(undefined);
      }
    });

    it("are nobody's without it, and all others stay as they are", () => {
      const session = aSession(WHO.owner);
      for (const plugin of [rights, silent])
        for (const topic of ['homeassistant', 'other/x', `x${OWNER}/y`]) {
          expect(plugin.mayPublish(session, topic), topic).to.equal('deny');
          expect(plugin.mayReceive(session, aMessage(topic, false)), topic).to.equal('deny');
        }
      expect(rights.mayPublish(session, 'homeassistant/status')).to.equal('deny');
      expect(rights.maySubscribe(session, 'homeassistant/#')).to.equal('deny');
      expect(rights.mayReceive(session, { ...aMessage('homeassistant/x', false), owner: OWNER })).to.equal(
        'deny',
      );
      expect(silent.maySubscribe(session, 'other/#')).to.equal('deny');
    });
  });

  describe('a device that has told no UDID', () => {
    const unbound = () => aSession(WHO['unbound device']);

    it("becomes the one in its subscription topic, and gets its rights and no other's", async () => {
      const session = unbound();
      expect(rights.mayPublish(session, `/${OWNER}/${UDID}/status`)).to.equal('deny');
      expect(await rights.maySubscribe(session, `/${OWNER}/${UDID}`)).to.equal('allow');
      expect(admitted).to.deep.equal([`${OWNER} ${UDID}`]);
      expect(rights.mayPublish(session, `/${OWNER}/${UDID}/status`)).to.equal('allow');
      expect(await rights.maySubscribe(session, `/${OWNER}/${OTHER_UDID}`)).to.equal('deny');
      expect(admitted).to.have.length(1);
    });

    it("stays nobody when the device is another owner's or not admitted", async () => {
      admits = false;
      const session = unbound();
      expect(await rights.maySubscribe(session, `/${OWNER}/${UDID}`)).to.equal('deny');
      expect(session.identity.udid).to.equal(undefined);
    });

    it("is bound by nothing in another owner's tree, nor by a wildcard", async () => {
      const session = unbound();
      for (const filter of [`/${OTHER_OWNER}/${UDID}`, '/#', `/${OWNER}/+`, `/${OWNER}/shared/x`])
        await rights.maySubscribe(session, filter);
      expect(session.identity.udid).to.equal(undefined);
      expect(admitted).to.deep.equal([]);
    });
  });
});
