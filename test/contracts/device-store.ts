import { expect } from 'chai';
import type { Device } from '../../core/device.js';
import type { DeviceStore } from '../../core/ports.js';
import { aDevice, NOW, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { collect, type Open, type Opened, plain, range } from './harness.js';

const MAC = '5CCF7F1A2B3C';
const NEW_MAC = 'A0B1C2D3E4F5';
const udid = (n: number): string => `00000000-0000-4000-8000-${`${n}`.padStart(12, '0')}`;
const tagged = (tag: string) => (device: Device) => ({ ...device, tags: [...device.tags, tag] });

/** What every `DeviceStore` does with one device and its MAC. */
export function describeDeviceStore(name: string, open: Open<DeviceStore>): void {
  describe(`${name}: devices`, () => {
    let opened: Opened<DeviceStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const macOf = async (owner: string, mac: string) => (await opened.other.findByMac(owner, mac))?.udid;

    it('returns a device as it was created, on every node', async () => {
      expect(await opened.store.get(UDID)).to.equal(undefined);
      expect(await opened.store.create(aDevice())).to.equal(true);
      for (const store of [opened.store, opened.other]) {
        const found = await store.get(UDID);
        expect(plain(found)).to.deep.equal(plain(aDevice()));
        expect(found?.envHash).to.equal(undefined);
      }
    });

    it('creates a UDID once, whoever asks, of two at the same time too', async () => {
      const results = await Promise.all([
        opened.store.create(aDevice({ alias: 'first' })),
        opened.other.create(aDevice({ owner: OTHER_OWNER, alias: 'second' })),
      ]);
      expect(results.filter(Boolean)).to.have.length(1);
      const winner = results[0] ? 'first' : 'second';
      expect((await opened.store.get(UDID))?.alias).to.equal(winner);
      const owners = [OWNER, OTHER_OWNER].map(
        async (owner) => (await collect(opened.store.all(owner))).length,
      );
      expect(await Promise.all(owners)).to.deep.equal(results.map((won) => (won ? 1 : 0)));
    });

    it('applies every one of many updates at once, from two nodes', async () => {
      await opened.store.create(aDevice());
      const stores = [opened.store, opened.other];
      await Promise.all(
        range(50).flatMap((n) => stores.map((store, s) => store.update(UDID, tagged(`${s}-${n}`)))),
      );
      expect(new Set((await opened.store.get(UDID))?.tags).size).to.equal(100);
    });

    it('answers an update with the record as it now stands', async () => {
      await opened.store.create(aDevice());
      const changed = await opened.store.update(UDID, (device) => ({ ...device, version: '2.0.0' }));
      expect(plain(changed)).to.deep.equal(plain(aDevice({ version: '2.0.0' })));
      expect(plain(await opened.store.update(UDID, (device) => device))).to.deep.equal(plain(changed));
      expect(await opened.store.update(OTHER_UDID, tagged('none'))).to.equal(undefined);
    });

    it('leaves a record alone whose change fails, or alters what must not change', async () => {
      await opened.store.create(aDevice());
      const rejects = async (change: (device: Device) => Device) =>
        expect(await opened.store.update(UDID, change).catch(() => 'rejected')).to.equal('rejected');
      await rejects(() => {
        throw new Error('no');
      });
      await rejects((device) => ({ ...device, owner: OTHER_OWNER }));
      await rejects((device) => ({ ...device, udid: OTHER_UDID }));
      expect(plain(await opened.store.get(UDID))).to.deep.equal(plain(aDevice()));
      expect(await opened.store.update(UDID, tagged('still works'))).to.not.equal(undefined);
    });

    it('forgets a removed device for its owner only, its MAC and its place in the list too', async () => {
      await opened.store.create(aDevice());
      expect(await opened.store.remove(OTHER_OWNER, UDID)).to.equal(false);
      expect(await macOf(OWNER, MAC)).to.equal(UDID);
      expect(await opened.store.remove(OWNER, UDID)).to.equal(true);
      expect(await opened.store.remove(OWNER, UDID)).to.equal(false);
      expect(await opened.store.get(UDID)).to.equal(undefined);
      expect(await macOf(OWNER, MAC)).to.equal(undefined);
      expect(await opened.store.list(OWNER, 10)).to.deep.equal({ items: [], next: undefined });
    });

    it("counts an owner's devices", async () => {
      const count = (owner: string) => opened.other.count(owner);
      expect(await count(OWNER)).to.equal(0);
      for (const [owner, udid] of [
        [OWNER, UDID],
        [OWNER, OTHER_UDID],
        [OTHER_OWNER, '00000000-0000-4000-8000-000000000003'],
      ] as const)
        await opened.store.create(aDevice({ owner, udid }));
      expect([await count(OWNER), await count(OTHER_OWNER)]).to.deep.equal([2, 1]);
      await opened.store.remove(OWNER, UDID);
      expect(await count(OWNER)).to.equal(1);
    });

    it('finds a device by its MAC within its owner', async () => {
      await opened.store.create(aDevice());
      await opened.store.create(aDevice({ owner: OTHER_OWNER, udid: OTHER_UDID }));
      expect(await macOf(OWNER, MAC)).to.equal(UDID);
      expect(await macOf(OTHER_OWNER, MAC)).to.equal(OTHER_UDID);
      expect(await macOf(OWNER, MAC.slice(0, -1))).to.equal(undefined);
    });

    it('follows a MAC that comes, changes and goes', async () => {
      await opened.store.create(aDevice({ mac: undefined }));
      const told = (mac: string | undefined) => opened.store.update(UDID, (device) => ({ ...device, mac }));
      await told(MAC);
      expect(await macOf(OWNER, MAC)).to.equal(UDID);
      await told(NEW_MAC);
      expect(await macOf(OWNER, MAC)).to.equal(undefined);
      expect(await macOf(OWNER, NEW_MAC)).to.equal(UDID);
      await told(undefined);
      expect(await macOf(OWNER, NEW_MAC)).to.equal(undefined);
    });

    it('finds of two devices with one MAC the one seen last, and the other when that one is gone', async () => {
      await opened.store.create(aDevice({ lastSeen: NOW }));
      await opened.store.create(aDevice({ udid: OTHER_UDID, lastSeen: NOW + 1 }));
      expect(await macOf(OWNER, MAC)).to.equal(OTHER_UDID);
      await opened.store.update(UDID, (device) => ({ ...device, lastSeen: NOW + 2 }));
      expect(await macOf(OWNER, MAC)).to.equal(UDID);
      await opened.store.remove(OWNER, UDID);
      expect(await macOf(OWNER, MAC)).to.equal(OTHER_UDID);
    });

    it('takes any text for a UDID or MAC', async () => {
      for (const text of ['', '\0', 'x'.repeat(100_000), '💥', '../..', '__proto__']) {
        expect(await opened.store.get(text)).to.equal(undefined);
        expect(await opened.store.findByMac(text, text)).to.equal(undefined);
        expect(await opened.store.update(text, tagged('none'))).to.equal(undefined);
        expect(await opened.store.remove(text, text)).to.equal(false);
        expect((await opened.store.list(OWNER, 1, text)).items).to.deep.equal([]);
      }
    });

    it('resolves `flushed`, also when nothing was written', async () => {
      await opened.store.flushed();
      await opened.store.create(aDevice());
      await opened.store.flushed();
    });
  });

  describe(`${name}: device listings`, () => {
    let opened: Opened<DeviceStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const create = (numbers: readonly number[], owner = OWNER) =>
      Promise.all(numbers.map((n) => opened.store.create(aDevice({ owner, udid: udid(n) }))));

    it('pages through the devices of one owner in the order of their UDIDs', async () => {
      await create([4, 1, 3, 0, 2]);
      await create([5, 6], OTHER_OWNER);
      const pages: string[][] = [];
      let after: string | undefined;
      do {
        const { items, next } = await opened.other.list(OWNER, 2, after);
        pages.push(items.map((device) => device.udid));
        after = next;
      } while (after !== undefined);
      expect(pages).to.deep.equal([[udid(0), udid(1)], [udid(2), udid(3)], [udid(4)]]);
    });

    it('says that there is no next page when the last one is just full', async () => {
      await create([0, 1]);
      expect((await opened.store.list(OWNER, 2)).next).to.equal(undefined);
      expect((await opened.store.list(OWNER, 1)).next).to.equal(udid(0));
    });

    it('goes on after a UDID that has been removed meanwhile', async () => {
      await create([0, 1, 2]);
      const { next } = await opened.store.list(OWNER, 2);
      await opened.store.remove(OWNER, udid(1));
      expect((await opened.store.list(OWNER, 2, next)).items.map((d) => d.udid)).to.deep.equal([udid(2)]);
    });

    it('reads all devices of an owner, each once, while others are written', async () => {
      await create(range(1201));
      await create([5000], OTHER_OWNER);
      const seen: string[] = [];
      for await (const device of opened.store.all(OWNER)) {
        seen.push(device.udid);
        if (seen.length % 200 === 0) await opened.store.update(device.udid, tagged('seen'));
      }
      expect(seen).to.deep.equal(range(1201).map(udid));
    });

    it('lists a device once, however often it changes', async () => {
      await create([0]);
      for (const tag of ['a', 'b', 'c']) await opened.store.update(udid(0), tagged(tag));
      const listed = await opened.store.list(OWNER, 10);
      expect(listed.items.map((device) => device.tags)).to.deep.equal([['a', 'b', 'c']]);
    });
  });
}
