import { expect } from 'chai';
import type { FirmwareStore } from '../../core/ports.js';
import type { Mark } from '../../core/signing/marks.js';
import { aFirmware, NOW, OTHER_OWNER, OWNER } from '../support/builders.js';
import { type Open, type Opened, plain, range } from './harness.js';

/** What every `FirmwareStore` does. */
export function describeFirmwareStore(name: string, open: Open<FirmwareStore>): void {
  describe(`${name}: firmware`, () => {
    let opened: Opened<FirmwareStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const ids = async (owner = OWNER) => (await opened.other.list(owner)).map(({ id }) => id);

    it('returns firmware as it was put, on every node', async () => {
      expect(await opened.store.get(aFirmware().id)).to.equal(undefined);
      await opened.store.put(aFirmware());
      for (const store of [opened.store, opened.other])
        expect(plain(await store.get(aFirmware().id))).to.deep.equal(plain(aFirmware()));
    });

    it('lists the firmware of one owner, oldest first', async () => {
      const times = [NOW + 3, NOW - 2e9, NOW, NOW + 1, 7];
      await Promise.all(
        times.map((createdAt) => opened.store.put(aFirmware({ id: `at-${createdAt}`, createdAt }))),
      );
      await opened.store.put(aFirmware({ id: 'foreign', owner: OTHER_OWNER }));
      const sorted = [...times].sort((a, b) => a - b).map((time) => `at-${time}`);
      expect(await ids()).to.deep.equal(sorted);
      expect(await ids(OTHER_OWNER)).to.deep.equal(['foreign']);
    });

    it('replaces firmware with the same id, in its list and for its bytes too', async () => {
      await opened.store.put(aFirmware({ id: 'a', createdAt: NOW }));
      await opened.store.put(aFirmware({ id: 'b', createdAt: NOW + 1, sha256: '77'.repeat(32) }));
      await opened.store.put(
        aFirmware({ id: 'a', createdAt: NOW + 2, sha256: '88'.repeat(32), rollout: 'none' }),
      );
      expect(await ids()).to.deep.equal(['b', 'a']);
      expect((await opened.store.get('a'))?.rollout).to.equal('none');
      expect(await opened.store.isUsed(aFirmware().sha256)).to.equal(false);
      expect(await opened.store.isUsed('88'.repeat(32))).to.equal(true);
    });

    it('removes firmware for its owner only, and only once', async () => {
      await opened.store.put(aFirmware({ id: 'a' }));
      expect(await opened.store.remove(OTHER_OWNER, 'a')).to.equal(false);
      expect(await ids()).to.deep.equal(['a']);
      expect(await opened.store.remove(OWNER, 'a')).to.equal(true);
      expect(await opened.store.remove(OWNER, 'a')).to.equal(false);
      expect(await opened.store.get('a')).to.equal(undefined);
      expect(await ids()).to.deep.equal([]);
    });

    it('says that bytes are used until the last firmware that consists of them is gone', async () => {
      const { sha256 } = aFirmware();
      await opened.store.put(aFirmware({ id: 'a' }));
      await opened.store.put(aFirmware({ id: 'b', owner: OTHER_OWNER }));
      await opened.store.remove(OWNER, 'a');
      expect(await opened.other.isUsed(sha256)).to.equal(true);
      await opened.store.remove(OTHER_OWNER, 'b');
      expect(await opened.other.isUsed(sha256)).to.equal(false);
    });

    it('keeps all of many that are put at once from two nodes', async () => {
      const stores = [opened.store, opened.other];
      await Promise.all(
        range(20).flatMap((n) => stores.map((store, s) => store.put(aFirmware({ id: `${s}-${n}` })))),
      );
      expect(new Set(await ids()).size).to.equal(40);
    });

    const mark = (published: number): Mark => ({
      platform: 'arduino:esp8266',
      udid: undefined,
      tags: [],
      signer: '0123456789abcdef',
      published,
      released: 0,
    });

    it('changes the marks of its owner with it, and they outlive it', async () => {
      expect(await opened.store.marks(OWNER)).to.deep.equal([]);
      await opened.store.put(aFirmware(), (marks) => [...marks, mark(1)]);
      await opened.other.put(aFirmware({ id: 'b' }), (marks) => [...marks, mark(2)]);
      await opened.store.put(aFirmware({ id: 'c' }));
      await opened.store.remove(OWNER, aFirmware().id);
      for (const store of [opened.store, opened.other])
        expect(plain(await store.marks(OWNER))).to.deep.equal(plain([mark(1), mark(2)]));
      expect(await opened.store.marks(OTHER_OWNER)).to.deep.equal([]);
    });

    it('changes nothing at all if the marks do not allow it', async () => {
      await opened.store.put(aFirmware(), () => [mark(5)]);
      const failure = await opened.other
        .put(aFirmware({ id: 'late', sha256: '77'.repeat(32) }), (marks) => {
          throw new Error(`${marks[0]?.published} has been published`);
        })
        .catch((error: Error) => error.message);
      expect(failure).to.equal('5 has been published');
      expect(await ids()).to.deep.equal([aFirmware().id]);
      expect(await opened.store.isUsed('77'.repeat(32))).to.equal(false);
      expect(plain(await opened.store.marks(OWNER))).to.deep.equal(plain([mark(5)]));
    });

    it('lets one of many at once with the same sequence through, from two nodes', async () => {
      const stores = [opened.store, opened.other];
      const once = (marks: readonly Mark[]): readonly Mark[] => {
        if (marks.some(({ published }) => published >= 7)) throw new Error('too low');
        return [...marks, mark(7)];
      };
      const results = await Promise.allSettled(
        range(10).map((n) => stores[n % 2]?.put(aFirmware({ id: `${n}` }), once)),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      expect(await ids()).to.have.length(1);
    });

    it('takes any text for a name', async () => {
      for (const text of ['', '\0', 'x'.repeat(100_000), '💥', '../..', '__proto__']) {
        expect(await opened.store.get(text)).to.equal(undefined);
        expect(await opened.store.list(text)).to.deep.equal([]);
        expect(await opened.store.isUsed(text)).to.equal(false);
        expect(await opened.store.marks(text)).to.deep.equal([]);
        expect(await opened.store.remove(text, text)).to.equal(false);
      }
    });
  });
}
