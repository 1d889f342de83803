import { expect } from 'chai';
import { keyId } from '../../../core/account.js';
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
    const { key, secret } = await accounts.addKey(owner, 'second', 'owner');
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
    await accounts.addKey(owner, 'second', 'owner');
    const keys = (await accounts.listKeys(owner)).filter(({ scope }) => scope === 'owner');
    await Promise.all(keys.map(({ hash }) => codeOf(accounts.revokeKey(owner, keyId(hash)))));
    const left = (await accounts.listKeys(owner)).filter(({ scope }) => scope === 'owner');
    expect(left).to.have.length(1);
  });

  it("nobody can revoke another owner's key", async () => {
    const { accounts } = world.domain;
    const [mine, theirs] = [await accounts.createOwner('me'), await accounts.createOwner('them')];
    const id = (await accounts.verify(theirs.deviceKey))?.keyId ?? '';
    expect(await codeOf(accounts.revokeKey(mine.owner, id))).to.equal('key_not_found');
    expect(world.revoked).to.deep.equal([]);
  });
});
