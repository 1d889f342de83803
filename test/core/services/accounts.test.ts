import { expect } from 'chai';
import { keyId } from '../../../core/account.js';
import { UDID } from '../../support/builders.js';
import { codeOf, World } from '../../support/domain.js';

describe('accounts', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());

  it('a new owner has an owner key and a device key, of which only digests are kept', async () => {
    const { accounts } = world.domain;
    const made = await accounts.createOwner('me');
    expect(Object.values(made).every((text) => /^[0-9a-f]{64}$/.test(text))).to.equal(true);
    expect(await accounts.isOwner(made.owner)).to.equal(true);
    expect(await accounts.verify(made.ownerKey)).to.include({ owner: made.owner, scope: 'owner' });
    expect(await accounts.verify(made.deviceKey)).to.include({ owner: made.owner, scope: 'device' });
    const stored = JSON.stringify(await accounts.listKeys(made.owner));
    for (const secret of [made.ownerKey, made.deviceKey]) expect(stored).not.to.include(secret);
  });

  it('knows nobody by anything that is not exactly a key', async () => {
    const { accounts } = world.domain;
    const { ownerKey, owner } = await accounts.createOwner('me');
    for (const text of ['', ownerKey.slice(1), `${ownerKey}0`, ownerKey.toUpperCase(), ` ${ownerKey}`, owner])
      expect(await accounts.verify(text), text).to.equal(undefined);
  });

  it('a revoked key opens nothing, and what was opened with it is ended', async () => {
    const { accounts } = world.domain;
    const { owner } = await accounts.createOwner('me');
    const { key, secret } = await accounts.addKey(owner, { alias: 'second', scope: 'owner' });
    await accounts.revokeKey(owner, keyId(key.hash));
    expect(await accounts.verify(secret)).to.equal(undefined);
    expect(world.revoked).to.deep.equal([keyId(key.hash)]);
  });

  it('the last owner key stays, device keys need not', async () => {
    const { accounts } = world.domain;
    const { owner, ownerKey, deviceKey } = await accounts.createOwner('me');
    const idOf = async (secret: string) => (await accounts.verify(secret))?.keyId ?? '';
    expect(await codeOf(accounts.revokeKey(owner, await idOf(ownerKey)))).to.equal('key_in_use');
    await accounts.revokeKey(owner, await idOf(deviceKey));
    expect(await codeOf(accounts.revokeKey(owner, '0'.repeat(16)))).to.equal('key_not_found');
  });

  it('of two owner keys revoked at the same time one stays', async () => {
    const { accounts } = world.domain;
    const { owner } = await accounts.createOwner('me');
    await accounts.addKey(owner, { alias: 'second', scope: 'owner' });
    const keys = (await accounts.listKeys(owner)).filter(({ scope }) => scope === 'owner');
    await Promise.all(keys.map(({ hash }) => codeOf(accounts.revokeKey(owner, keyId(hash)))));
    const left = (await accounts.listKeys(owner)).filter(({ scope }) => scope === 'owner');
    expect(left).to.have.length(1);
  });

  describe('a key that ends', () => {
    const HOUR = 3_600_000;

    it('opens nothing from its last moment on', async () => {
      const { accounts } = world.domain;
      const { owner } = await accounts.createOwner('me');
      const expiresAt = world.clock.now() + HOUR;
      const { secret } = await accounts.addKey(owner, { alias: 'x', scope: 'device', expiresAt });
      world.clock.advance(HOUR - 1);
      expect(await accounts.verify(secret)).to.include({ owner, scope: 'device', expiresAt });
      world.clock.advance(1);
      expect(await accounts.verify(secret)).to.equal(undefined);
    });

    it('is not made after its end', async () => {
      const { accounts } = world.domain;
      const { owner } = await accounts.createOwner('me');
      const wish = { alias: 'x', scope: 'device', expiresAt: world.clock.now() } as const;
      expect(await codeOf(accounts.addKey(owner, wish))).to.equal('field_invalid');
    });

    it('does not count as the way back: the last owner key that stays cannot be revoked', async () => {
      const { accounts } = world.domain;
      const { owner, ownerKey } = await accounts.createOwner('me');
      const expiresAt = world.clock.now() + HOUR;
      const { key } = await accounts.addKey(owner, { alias: 'x', scope: 'owner', expiresAt });
      const lasting = (await accounts.verify(ownerKey))?.keyId ?? '';
      expect(await codeOf(accounts.revokeKey(owner, lasting))).to.equal('key_in_use');
      await accounts.revokeKey(owner, keyId(key.hash));
    });
  });

  describe('a key that is rotated', () => {
    const DAY = 86_400_000;

    it('is good beside the new one, which opens the same, until the overlap is over', async () => {
      const { accounts } = world.domain;
      const { owner } = await accounts.createOwner('me');
      const wish = { alias: 'bench', scope: 'device', device: UDID } as const;
      const old = await accounts.addKey(owner, wish);
      const made = await accounts.rotateKey(owner, keyId(old.key.hash), DAY);
      expect(made.key).to.deep.include({ ...wish, owner });
      expect(made.key).not.to.have.property('expiresAt');
      expect(world.ending).to.deep.equal([{ keyId: keyId(old.key.hash), at: world.clock.now() + DAY }]);
      for (const { secret } of [old, made])
        expect(await accounts.verify(secret)).to.include({ owner, device: UDID });
      world.clock.advance(DAY);
      expect(await accounts.verify(old.secret)).to.equal(undefined);
      expect(await accounts.verify(made.secret)).to.include({ owner, device: UDID });
    });

    it('with an end is followed by one that lives as long, and ends no later than it would have', async () => {
      const { accounts } = world.domain;
      const { owner } = await accounts.createOwner('me');
      const expiresAt = world.clock.now() + 10 * DAY;
      const old = await accounts.addKey(owner, { alias: 'x', scope: 'publish', expiresAt });
      world.clock.advance(9.5 * DAY);
      const { key, replaced } = await accounts.rotateKey(owner, keyId(old.key.hash), DAY);
      expect(replaced.expiresAt).to.equal(expiresAt);
      expect(key.expiresAt).to.equal(world.clock.now() + 10 * DAY);
    });

    it('may be the last owner key: the new one takes its place, and the old one can be revoked', async () => {
      const { accounts } = world.domain;
      const { owner, ownerKey } = await accounts.createOwner('me');
      const id = (await accounts.verify(ownerKey))?.keyId ?? '';
      const { secret, key } = await accounts.rotateKey(owner, id, DAY);
      await accounts.revokeKey(owner, id);
      expect(await accounts.verify(ownerKey)).to.equal(undefined);
      expect(await accounts.verify(secret)).to.include({ scope: 'owner' });
      expect(await codeOf(accounts.revokeKey(owner, keyId(key.hash)))).to.equal('key_in_use');
    });

    it("must be one's own", async () => {
      const { accounts } = world.domain;
      const [mine, theirs] = [await accounts.createOwner('me'), await accounts.createOwner('them')];
      const id = (await accounts.verify(theirs.deviceKey))?.keyId ?? '';
      expect(await codeOf(accounts.rotateKey(mine.owner, id, DAY))).to.equal('key_not_found');
      expect(await accounts.listKeys(mine.owner)).to.have.length(2);
    });
  });

  it('only a device key is bound to a device', async () => {
    const { accounts } = world.domain;
    const { owner } = await accounts.createOwner('me');
    for (const scope of ['owner', 'publish', 'read'] as const)
      expect(await codeOf(accounts.addKey(owner, { alias: 'x', scope, device: UDID }))).to.equal(
        'field_invalid',
      );
  });

  it("nobody can revoke another owner's key", async () => {
    const { accounts } = world.domain;
    const [mine, theirs] = [await accounts.createOwner('me'), await accounts.createOwner('them')];
    const id = (await accounts.verify(theirs.deviceKey))?.keyId ?? '';
    expect(await codeOf(accounts.revokeKey(mine.owner, id))).to.equal('key_not_found');
    expect(world.revoked).to.deep.equal([]);
  });
});
