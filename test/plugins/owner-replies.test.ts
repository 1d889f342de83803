import { expect } from 'chai';
import type { Identity, Session } from '../../broker/plugin.js';
import { OwnerReplies } from '../../plugins/owner-replies.js';
import { anOwner } from '../support/broker-bench.js';
import { OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { World } from '../support/domain.js';

const answer = (response: unknown, nid = UDID) =>
  JSON.stringify({ notification: { nid, response_type: 'bool', response } });

describe('owner replies', () => {
  let world: World;
  let plugin: OwnerReplies;
  let looked: string[];
  beforeEach(async () => {
    world = await World.open();
    await world.device();
    await world.publish();
    looked = [];
    const { announcer, consent } = world.domain;
    const reconsider = announcer.reconsider.bind(announcer);
    announcer.reconsider = (udid) => {
      looked.push(udid);
      return reconsider(udid);
    };
    plugin = new OwnerReplies(consent, announcer, world.domain.json);
  });
  afterEach(() => world.close());

  const message = (topic: string, text: string) => ({
    topic,
    payload: Buffer.from(text),
    qos: 1 as const,
    retain: false,
    pushed: false,
  });
  const reply = async (text: string, identity: Identity = anOwner(), nid = UDID): Promise<void> => {
    const session = { identity } as Session;
    const sent = message(`/${identity.owner}/rtm/notices/${nid}/reply`, text);
    await plugin.publishing(session, sent);
    await plugin.published(session, sent);
  };
  const state = async () => (await world.record()).update?.state;

  for (const [response, expected] of [
    [true, 'approved'],
    ['yes', 'approved'],
    [false, 'declined'],
    ['no', 'declined'],
    ['later', 'asked'],
  ] as const)
    it(`${JSON.stringify(response)} makes it ${expected}, stored before it is acknowledged`, async () => {
      const session = { identity: anOwner() } as Session;
      await plugin.publishing(session, message(`/${OWNER}/rtm/notices/${UDID}/reply`, answer(response)));
      expect(await state()).to.equal(expected);
      expect((await world.record()).update?.postponedUntil !== undefined).to.equal(response === 'later');
    });

  it('takes nothing that is no answer to this question', async () => {
    const texts = ['', 'yes', '{', '[]', '{"notification":null}', answer('maybe'), answer(true, OTHER_UDID)];
    for (const text of texts) await reply(text);
    expect(await state()).to.equal('asked');
  });

  it("another owner's answer changes nothing, and does not even set the device going", async () => {
    await reply(answer(true), anOwner({ owner: OTHER_OWNER }));
    expect(await state()).to.equal('asked');
    expect(looked).to.deep.equal([]);
  });

  it('an answer about an unknown device is ignored', () =>
    reply(answer(true, OTHER_UDID), anOwner(), OTHER_UDID));

  it('looks at the device once the answer has been acknowledged', async () => {
    await reply(answer(true));
    expect(looked).to.deep.equal([UDID]);
  });

  it('is not concerned with other topics', async () => {
    const session = { identity: anOwner() } as Session;
    for (const topic of [
      `/${OWNER}/rtm/notices/${UDID}`,
      `/${OWNER}/shared/reply`,
      `/${OWNER}/${UDID}/reply`,
    ])
      await plugin.publishing(session, message(topic, answer(true)));
    expect(await state()).to.equal('asked');
  });
});
