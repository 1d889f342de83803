import { expect } from 'chai';
import type { SignerStore } from '../../core/ports.js';
import { NOW, OTHER_OWNER, OWNER } from '../support/builders.js';
import { aPair } from '../support/signing.js';
import { type Open, type Opened, range } from './harness.js';

/** What every `SignerStore` does. */
export function describeSignerStore(name: string, open: Open<SignerStore>): void {
  describe(`${name}: signers`, () => {
    let opened: Opened<SignerStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const { signer: ann } = aPair();
    const { signer: bob } = aPair({ alias: 'bob', createdAt: NOW + 1 });

    it('lists the keys of one owner as they were added, oldest first, on every node', async () => {
      expect(await opened.store.list(OWNER)).to.deep.equal([]);
      const theirs = { ...ann, owner: OTHER_OWNER };
      for (const signer of [ann, bob, theirs]) expect(await opened.store.add(signer)).to.equal(true);
      for (const store of [opened.store, opened.other])
        expect(await store.list(OWNER)).to.deep.equal([ann, bob]);
      expect(await opened.other.list(OTHER_OWNER)).to.deep.equal([theirs]);
    });

    it('adds a key once, and leaves it as it was', async () => {
      await opened.store.add(ann);
      expect(await opened.other.add({ ...ann, alias: 'somebody else' })).to.equal(false);
      expect(await opened.store.list(OWNER)).to.deep.equal([ann]);
    });

    it('removes a key for its owner only, and only once', async () => {
      await opened.store.add(ann);
      await opened.store.add(bob);
      expect(await opened.store.remove(OTHER_OWNER, ann.id)).to.equal(false);
      expect(await opened.other.remove(OWNER, ann.id)).to.equal(true);
      expect(await opened.store.remove(OWNER, ann.id)).to.equal(false);
      expect(await opened.store.list(OWNER)).to.deep.equal([bob]);
      expect(await opened.store.remove(OWNER, bob.id)).to.equal(true);
      expect(await opened.other.list(OWNER)).to.deep.equal([]);
      expect(await opened.other.add(ann)).to.equal(true);
      expect(await opened.store.list(OWNER)).to.deep.equal([ann]);
    });

    it('keeps all of many that are added at once from two nodes', async () => {
      const stores = [opened.store, opened.other];
      const added = await Promise.all(
        range(20).map((n) => stores[n % 2]?.add({ ...ann, id: `${n}`.padStart(16, '0') })),
      );
      expect(added.every(Boolean)).to.equal(true);
      expect(new Set((await opened.store.list(OWNER)).map(({ id }) => id)).size).to.equal(20);
    });

    it('takes any text for a name', async () => {
      for (const text of ['', '\0', 'x'.repeat(100_000), '💥', '../..', '__proto__']) {
        expect(await opened.store.list(text)).to.deep.equal([]);
        expect(await opened.store.remove(text, text)).to.equal(false);
      }
    });
  });
}
