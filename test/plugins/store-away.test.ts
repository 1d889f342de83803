import { expect } from 'chai';
import type { Session } from '../../broker/plugin.js';
import type { EmbeddedStores } from '../../broker/storage/embedded/index.js';
import { FirmwireError } from '../../core/errors.js';
import type { Credentials as Keys } from '../../core/services/accounts.js';
import { Authentication } from '../../plugins/authentication.js';
import { OwnerReplies } from '../../plugins/owner-replies.js';
import { TopicRights } from '../../plugins/topic-rights.js';
import { aSession } from '../support/a-session.js';
import { anOwner } from '../support/broker-bench.js';
import { OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { World } from '../support/domain.js';
import { loginLimits } from '../support/login-limits.js';

const FAILURES = 3;

describe('plugins while the store is away', () => {
  let world: World;
  /** What the stores fail with. */
  let failure: Error | undefined;
  let asked: string[];

  const reached = <T>(what: string, go: () => Promise<T>): Promise<T> => {
    asked.push(what);
    return failure ? Promise.reject(failure) : go();
  };
  const wrap = (stores: EmbeddedStores): EmbeddedStores => ({
    ...stores,
    accounts: { ...stores.accounts, getKey: (hash) => reached('key', () => stores.accounts.getKey(hash)) },
    devices: {
      ...stores.devices,
      get: (udid) => reached('device', () => stores.devices.get(udid)),
      update: (...args) => reached('change', () => stores.devices.update(...args)),
    },
  });
  beforeEach(async () => {
    failure = undefined;
    asked = [];
    world = await World.open({ wrap });
  });
  afterEach(() => world.close());
  const away = new FirmwireError('store_unavailable');
  const emptied = new FirmwireError('store_emptied');
  const broken = new Error('the disk is broken');

  describe('authentication', () => {
    let mine: Keys;
    let plugin: Authentication;
    beforeEach(async () => {
      const { accounts, registry } = world.domain;
      mine = await accounts.createOwner('mine');
      plugin = new Authentication(accounts, registry, loginLimits(world.clock, FAILURES));
    });
    const login = (username: string, password: string) =>
      plugin.authenticate({ clientId: 'c', username, password, willTopic: undefined, connection: {} });

    for (const reason of [away, emptied])
      it(`refuses with 3 while it is ${reason.code}, everybody alike, and lets them in when it is back`, async () => {
        failure = reason;
        for (const [name, key] of [
          [UDID, mine.deviceKey],
          [mine.owner, mine.ownerKey],
          [UDID, 'f'.repeat(64)],
        ] as const)
          expect(await login(name, key)).to.include({ refused: 3 });
        failure = undefined;
        expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
      });

    it('refuses with 3 a device whose record cannot be read', async () => {
      const { getKey } = world.stores.accounts;
      world.stores.accounts.getKey = async (hash) => {
        const key = await getKey(hash);
        failure = away;
        return key;
      };
      expect(await login(UDID, mine.deviceKey)).to.include({ refused: 3 });
    });

    it('what it refused then counts as no failed login', async () => {
      failure = away;
      for (let i = 0; i < 5 * FAILURES; i++) await login(UDID, mine.deviceKey);
      failure = undefined;
      const begun = performance.now();
      for (let i = 0; i < FAILURES; i++) expect(await login(UDID, 'wrong')).to.include({ refused: 4 });
      expect(performance.now() - begun, 'answered without a penalty').to.be.below(1000);
    });

    it('what can be told without the store is told: a text that is no key', async () => {
      failure = away;
      expect(await login(UDID, 'wrong')).to.include({ refused: 4 });
    });

    it('hides no other failure', async () => {
      failure = broken;
      expect(await login(UDID, mine.deviceKey).catch((error: unknown) => error)).to.equal(broken);
    });
  });

  describe('topic rights', () => {
    const subscribe = async (session: Session): Promise<unknown> => {
      const rights = new TopicRights(world.domain.registry);
      return (async () => rights.maySubscribe(session, `/${OWNER}/${UDID}`))().catch(
        (error: unknown) => error,
      );
    };

    for (const reason of [away, emptied])
      it(`cuts a device that tells its UDID while it is ${reason.code}: it does not try again after a refusal`, async () => {
        const session = aSession({ scope: 'device' });
        failure = reason;
        expect(await subscribe(session)).to.equal(reason);
        expect(session.isCut).to.equal(true);
        expect(session.identity.udid).to.equal(undefined);
      });

    it('does not cut it for another failure, nor anybody whose device is known', async () => {
      const [unbound, known] = [aSession({ scope: 'device' }), aSession({ scope: 'device', udid: UDID })];
      failure = broken;
      expect(await subscribe(unbound)).to.equal(broken);
      failure = away;
      expect(await subscribe(known)).to.equal('allow');
      expect([unbound.isCut, known.isCut]).to.deep.equal([false, false]);
    });
  });

  describe('owner replies', () => {
    let plugin: OwnerReplies;
    beforeEach(async () => {
      await world.device();
      await world.publish();
      plugin = new OwnerReplies(world.domain.consent, world.domain.announcer, world.domain.json);
    });
    const session = { identity: anOwner() } as Session;
    const reply = (nid = UDID) => ({
      topic: `/${OWNER}/rtm/notices/${nid}/reply`,
      payload: Buffer.from(JSON.stringify({ notification: { nid, response_type: 'bool', response: true } })),
      qos: 1 as const,
      retain: false,
      pushed: false,
    });

    for (const reason of [away, emptied])
      it(`an answer that comes while it is ${reason.code} is not acknowledged, and counts when it comes again`, async () => {
        failure = reason;
        expect(await plugin.publishing(session, reply())).to.equal('unstored');
        failure = undefined;
        expect((await world.record()).update?.state).to.equal('asked');
        asked = [];
        await plugin.published(session, reply());
        expect(asked, 'no device is looked at').to.deep.equal([]);
        expect(await plugin.publishing(session, reply())).to.equal(undefined);
        expect((await world.record()).update?.state).to.equal('approved');
        await plugin.published(session, reply());
        expect(asked).to.not.deep.equal([]);
      });

    it('an answer about nothing is acknowledged', async () => {
      expect(await plugin.publishing(session, reply(OTHER_UDID))).to.equal(undefined);
    });

    it('hides no other failure', async () => {
      failure = broken;
      expect(await plugin.publishing(session, reply())?.catch((error: unknown) => error)).to.equal(broken);
    });
  });
});
