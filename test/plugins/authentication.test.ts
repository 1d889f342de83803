import { expect } from 'chai';
import type { Credentials, Identity, Refusal } from '../../broker/plugin.js';
import type { Credentials as Keys } from '../../core/services/accounts.js';
import { Authentication } from '../../plugins/authentication.js';
import { OTHER_UDID, UDID } from '../support/builders.js';
import { CountedLimits } from '../support/counted-limits.js';
import { World, type WorldOptions } from '../support/domain.js';
import { loginLimits } from '../support/login-limits.js';

const FAILURES = 3;

describe('authentication', () => {
  let world: World;
  let mine: Keys;
  let theirs: Keys;
  let plugin: Authentication;
  let watch: CountedLimits;
  const open = async (options: WorldOptions = {}): Promise<void> => {
    world = await World.open(options);
    watch = new CountedLimits();
    const { accounts, registry } = world.domain;
    mine = await accounts.createOwner('mine');
    theirs = await accounts.createOwner('theirs');
    plugin = new Authentication(accounts, registry, loginLimits(world.clock, FAILURES, watch));
  };
  afterEach(() => world.close());

  const login = (username: string, password: string, willTopic?: string): Promise<Identity | Refusal> => {
    const credentials: Credentials = {
      clientId: '5CCF7F1A2B3C',
      username,
      password,
      willTopic,
      connection: {},
    };
    return plugin.authenticate(credentials);
  };
  const isKnown = async (udid: string): Promise<string | undefined> =>
    (await world.stores.devices.get(udid))?.owner;

  describe('with open admission', () => {
    beforeEach(() => open());

    it("a UDID unknown so far, with a valid device key, is a new device of that key's owner", async () => {
      expect(await login(UDID, mine.deviceKey)).to.include({
        owner: mine.owner,
        udid: UDID,
        scope: 'device',
      });
      expect(await isKnown(UDID)).to.equal(mine.owner);
    });

    it('a known device comes back, and is not made again', async () => {
      await world.device({ owner: mine.owner });
      expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
      expect((await world.record()).alias).to.equal('kitchen');
    });

    it('a UDID of another owner is refused with 5 and stays theirs', async () => {
      await login(UDID, theirs.deviceKey);
      expect(await login(UDID, mine.deviceKey)).to.include({ refused: 5 });
      expect(await isKnown(UDID)).to.equal(theirs.owner);
    });

    it('the owner id with an owner key is the owner', async () => {
      const identity = await login(mine.owner, mine.ownerKey);
      expect(identity).to.include({ owner: mine.owner, scope: 'owner', udid: undefined });
    });

    it('the owner id with a device key is a device that has told no UDID', async () => {
      const identity = await login(mine.owner, mine.deviceKey);
      expect(identity).to.include({ owner: mine.owner, scope: 'device', udid: undefined });
    });

    it('the owner id with a device key and a will of its own is the device in that topic', async () => {
      const will = `/${mine.owner}/${UDID}/status`;
      expect(await login(mine.owner, mine.deviceKey, will)).to.include({ scope: 'device', udid: UDID });
      expect(await isKnown(UDID)).to.equal(mine.owner);
    });

    it('a will elsewhere names no device', async () => {
      for (const will of ['/lwt', `/${theirs.owner}/${UDID}/status`, `/${mine.owner}/shared/x`])
        expect(await login(mine.owner, mine.deviceKey, will), will).to.include({ udid: undefined });
      expect(await isKnown(UDID)).to.equal(undefined);
    });

    it("a will on the topic of another owner's device is refused", async () => {
      await login(UDID, theirs.deviceKey);
      expect(await login(mine.owner, mine.deviceKey, `/${mine.owner}/${UDID}/status`)).to.include({
        refused: 5,
      });
    });

    it('everything else is refused with 4, and makes no device', async () => {
      const rows: [username: string, password: string][] = [
        [UDID, ''],
        [UDID, 'f'.repeat(64)],
        [UDID, mine.deviceKey.toUpperCase()],
        [UDID, `${mine.deviceKey} `],
        ['', mine.deviceKey],
        ['somebody', mine.ownerKey],
        [theirs.owner, mine.ownerKey],
        [theirs.owner, mine.deviceKey],
        [mine.owner, mine.owner],
      ];
      for (const [username, password] of rows)
        expect(await login(username, password), username).to.include({ refused: 4 });
      expect(await isKnown(UDID)).to.equal(undefined);
    }).timeout(10_000);

    it('a revoked key is worth nothing', async () => {
      const { accounts } = world.domain;
      const { key, secret } = await accounts.addKey(mine.owner, { alias: 'second', scope: 'device' });
      expect(await login(UDID, secret)).to.include({ udid: UDID });
      await accounts.revokeKey(mine.owner, key.hash.slice(0, 16));
      expect(await login(UDID, secret)).to.include({ refused: 4 });
    });

    it('a key bound to a device is good for that device alone, by whichever name it comes', async () => {
      const { accounts } = world.domain;
      const wish = { alias: 'one', scope: 'device', device: UDID } as const;
      const { secret } = await accounts.addKey(mine.owner, wish);
      expect(await login(UDID, secret)).to.include({ udid: UDID });
      expect(await login(OTHER_UDID, secret)).to.include({ refused: 5 });
      expect(await login(mine.owner, secret)).to.include({ udid: UDID, scope: 'device' });
      const will = `/${mine.owner}/${OTHER_UDID}/status`;
      expect(await login(mine.owner, secret, will)).to.include({ refused: 5 });
      expect(await isKnown(OTHER_UDID)).to.equal(undefined);
    });

    it('keys for publishing and for reading do not open MQTT', async () => {
      const { accounts } = world.domain;
      for (const scope of ['publish', 'read'] as const) {
        const { secret } = await accounts.addKey(mine.owner, { alias: 'x', scope });
        for (const name of [mine.owner, UDID]) expect(await login(name, secret)).to.include({ refused: 5 });
      }
      expect(await isKnown(UDID)).to.equal(undefined);
    });

    it('a device that connects more than 15 times a minute is told to come later, and no other', async () => {
      for (let i = 0; i < 15; i++) expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
      expect(await login(UDID, mine.deviceKey)).to.include({ refused: 3 });
      expect(await login(OTHER_UDID, mine.deviceKey)).to.include({ udid: OTHER_UDID });
      expect(watch.counts).to.deep.equal({ flapping: 1 });
      world.clock.advance(60_000);
      expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
    });

    it('nobody without a key of its owner can keep a device out', async () => {
      await login(UDID, mine.deviceKey);
      const keys = Array.from({ length: 20 }, () => ['f'.repeat(64), theirs.deviceKey]).flat();
      await Promise.all(keys.map((key) => login(UDID, key)));
      expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
    }).timeout(10_000);

    it('an unknown name costs what a known one does: the store is asked the same', async () => {
      await login(UDID, mine.deviceKey);
      const asked: string[] = [];
      const { accounts, devices } = world.stores;
      const [getKey, getOwner, get] = [accounts.getKey, accounts.getOwner, devices.get];
      accounts.getKey = (hash) => {
        asked.push('key');
        return getKey.call(accounts, hash);
      };
      accounts.getOwner = (id) => {
        asked.push('owner');
        return getOwner.call(accounts, id);
      };
      devices.get = (udid) => {
        asked.push('device');
        return get.call(devices, udid);
      };
      for (const name of [UDID, OTHER_UDID, mine.owner, 'a'.repeat(64), 'somebody']) {
        asked.length = 0;
        expect(await login(name, 'f'.repeat(64)), name).to.include({ refused: 4 });
        expect(asked, name).to.deep.equal(['key']);
      }
    }).timeout(20_000);

    it('who fails again and again is answered late, and nobody else', async () => {
      for (let i = 0; i < FAILURES; i++) await login(UDID, 'wrong');
      let answered = false;
      const late = login(UDID, 'wrong').then(() => {
        answered = true;
      });
      expect(await login(OTHER_UDID, mine.deviceKey)).to.include({ udid: OTHER_UDID });
      expect(await login(OTHER_UDID, 'wrong')).to.include({ refused: 4 });
      expect(await login(UDID, mine.deviceKey), 'the right key is not slowed down').to.include({
        udid: UDID,
      });
      expect(answered).to.equal(false);
      await late;
    });
  });

  describe('with certificates of devices', () => {
    /** What the certificate says, and whether there must be one. */
    const shown = async (name: string | undefined, required: boolean): Promise<void> => {
      await open();
      const { accounts, registry } = world.domain;
      const certificates = { required, nameOf: () => name };
      plugin = new Authentication(accounts, registry, { ...loginLimits(world.clock), certificates });
    };

    it('a device is who its certificate says, whatever key of its owner it has', async () => {
      await shown(UDID, false);
      expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
      expect(await login(mine.owner, mine.deviceKey)).to.include({ udid: UDID });
      expect(await login(OTHER_UDID, mine.deviceKey)).to.include({ refused: 5 });
      expect(await login(OTHER_UDID, mine.ownerKey)).to.include({ refused: 5 });
      const wish = { alias: 'x', scope: 'device', device: OTHER_UDID } as const;
      const { secret } = await world.domain.accounts.addKey(mine.owner, wish);
      for (const udid of [UDID, OTHER_UDID]) expect(await login(udid, secret)).to.include({ refused: 5 });
      expect(await isKnown(OTHER_UDID)).to.equal(undefined);
    });

    it('a certificate is worth nothing without a key', async () => {
      await shown(UDID, false);
      expect(await login(UDID, 'f'.repeat(64))).to.include({ refused: 4 });
    });

    it('where they are required, a device without one is refused, and an owner is not', async () => {
      await shown(undefined, true);
      for (const name of [UDID, mine.owner])
        expect(await login(name, mine.deviceKey), name).to.include({ refused: 5 });
      expect(await login(mine.owner, mine.ownerKey)).to.include({ scope: 'owner', udid: undefined });
      expect(await isKnown(UDID)).to.equal(undefined);
    });

    it('where they are not, a device without one comes in with its key', async () => {
      await shown(undefined, false);
      expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
    });
  });

  it('with closed admission only known devices come in', async () => {
    await open({ settings: { devices: { admission: 'closed' } } });
    await world.device({ owner: mine.owner });
    expect(await login(UDID, mine.deviceKey)).to.include({ udid: UDID });
    expect(await login(OTHER_UDID, mine.deviceKey)).to.include({ refused: 5 });
    expect(await isKnown(OTHER_UDID)).to.equal(undefined);
  });
});
