import { expect } from 'chai';
import type { ApiKey, Owner } from '../../core/account.js';
import type { AccountStore } from '../../core/ports.js';
import { NOW, OTHER_OWNER, OWNER } from '../support/builders.js';
import { collect, type Open, type Opened, range } from './harness.js';

const anOwner = (change: Partial<Owner> = {}): Owner => ({
  id: OWNER,
  name: 'Ann',
  createdAt: NOW,
  ...change,
});

const aKey = (change: Partial<ApiKey> = {}): ApiKey => ({
  hash: '11'.repeat(32),
  owner: OWNER,
  alias: 'fleet',
  scope: 'device',
  createdAt: NOW,
  ...change,
});

/** What every `AccountStore` does. */
export function describeAccountStore(name: string, open: Open<AccountStore>): void {
  describe(`${name}: accounts`, () => {
    let opened: Opened<AccountStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    it('knows an owner once created, on every node', async () => {
      expect(await opened.store.getOwner(OWNER)).to.equal(undefined);
      expect(await opened.store.createOwner(anOwner())).to.equal(true);
      expect(await opened.store.getOwner(OWNER)).to.deep.equal(anOwner());
      expect(await opened.other.getOwner(OWNER)).to.deep.equal(anOwner());
    });

    it('creates an id once, of two at the same time too', async () => {
      const names = ['one', 'two'];
      const results = await Promise.all(
        names.map((owner) => opened.store.createOwner(anOwner({ name: owner }))),
      );
      expect(results.filter(Boolean)).to.have.length(1);
      expect(await opened.other.createOwner(anOwner({ name: 'three' }))).to.equal(false);
      expect((await opened.store.getOwner(OWNER))?.name).to.equal(names[results.indexOf(true)]);
    });

    it('lists every owner once, and none while it is new', async () => {
      expect(await collect(opened.store.owners())).to.deep.equal([]);
      const ids = range(1100).map((n) => `${n}`.padStart(64, '0'));
      await Promise.all(ids.map((id) => opened.store.createOwner(anOwner({ id }))));
      const listed = await collect(opened.store.owners());
      expect(listed.map(({ id }) => id).sort()).to.deep.equal(ids);
    });

    it('finds a key by its hash and lists the keys of its owner only, the oldest first', async () => {
      const old = aKey({ hash: '22'.repeat(32), createdAt: NOW - 1, scope: 'owner' });
      const foreign = aKey({ hash: '33'.repeat(32), owner: OTHER_OWNER });
      for (const key of [aKey(), old, foreign]) await opened.store.addKey(key);
      expect(await opened.store.getKey(old.hash)).to.deep.equal(old);
      expect(await opened.store.listKeys(OWNER)).to.deep.equal([old, aKey()]);
      expect(await opened.other.listKeys(OTHER_OWNER)).to.deep.equal([foreign]);
    });

    it('removes a key for its owner only, and only once', async () => {
      await opened.store.addKey(aKey());
      expect(await opened.store.removeKey(OTHER_OWNER, aKey().hash)).to.equal(false);
      expect(await opened.other.getKey(aKey().hash)).to.deep.equal(aKey());
      expect(await opened.store.removeKey(OWNER, aKey().hash)).to.equal(true);
      expect(await opened.store.removeKey(OWNER, aKey().hash)).to.equal(false);
      expect(await opened.store.getKey(aKey().hash)).to.equal(undefined);
      expect(await opened.store.listKeys(OWNER)).to.deep.equal([]);
    });

    it('takes any text for a name', async () => {
      for (const text of ['', '\0', 'x'.repeat(100_000), '💥', '../..', '__proto__']) {
        expect(await opened.store.getOwner(text)).to.equal(undefined);
        expect(await opened.store.getKey(text)).to.equal(undefined);
        expect(await opened.store.listKeys(text)).to.deep.equal([]);
        expect(await opened.store.removeKey(text, text)).to.equal(false);
      }
    });
  });
}
