import { expect } from 'chai';
import { HISTORY_LENGTH, type HistoryEntry } from '../../core/history.js';
import type { Stores } from '../../core/ports.js';
import { aDevice, NOW, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { type Open, type Opened, range } from './harness.js';

const failed = (n: number): HistoryEntry => ({
  event: 'failed',
  at: NOW + n,
  version: '1.1.0',
  firmware: 'fw',
  error: `Wrong MD5 "${n}" é💥`,
});
const checkIn = (n: number): HistoryEntry => ({ event: 'checkin', at: NOW + n, version: '1.0.0' });

/** What every `HistoryStore` does, and what becomes of it with the device. */
export function describeHistoryStore(name: string, open: Open<Pick<Stores, 'devices' | 'history'>>): void {
  describe(`${name}: histories`, () => {
    let opened: Opened<Pick<Stores, 'devices' | 'history'>>;
    beforeEach(async () => {
      opened = await open();
      await opened.store.devices.create(aDevice());
      await opened.store.devices.create(aDevice({ udid: OTHER_UDID, mac: undefined }));
    });
    afterEach(() => opened.close());
    const append = (entries: readonly HistoryEntry[], udid = UDID, node = opened.store) =>
      node.history.append(new Map([[udid, entries]]), true);
    const listed = (udid = UDID) => opened.other.history.list(udid);

    it('lists nothing of a device to which nothing has happened, nor of any other text', async () => {
      for (const text of [UDID, '', '\0', 'x'.repeat(100_000), '💥', '__proto__'])
        expect(await listed(text)).to.deep.equal([]);
      await opened.store.history.append(new Map());
    });

    it('lists what was appended, the newest first, to every node, and each device’s by itself', async () => {
      await opened.store.history.append(
        new Map([
          [UDID, [failed(0), checkIn(1)]],
          [OTHER_UDID, [failed(7)]],
        ]),
      );
      await append([failed(2)]);
      expect(await listed()).to.deep.equal([failed(2), checkIn(1), failed(0)]);
      expect(await listed(OTHER_UDID)).to.deep.equal([failed(7)]);
    });

    it('folds routine, whichever node it comes from, and of two at once loses nothing', async () => {
      await append([checkIn(0)]);
      await append([checkIn(1)], UDID, opened.other);
      await Promise.all(
        range(20).map((n) => append([checkIn(2 + n)], UDID, n % 2 ? opened.store : opened.other)),
      );
      expect(await listed()).to.deep.equal([{ ...checkIn(21), since: NOW, count: 22 }]);
    });

    it('keeps the failures of last week, however often the device checks in', async () => {
      await append([failed(0)]);
      for (const round of range(5)) await append(range(200).map((n) => checkIn(1 + round * 200 + n)));
      expect(await listed()).to.deep.equal([{ ...checkIn(1000), since: NOW + 1, count: 1000 }, failed(0)]);
    });

    it('drops the oldest past its bound, appended at once or one by one', async () => {
      await append(range(HISTORY_LENGTH + 20).map(failed));
      for (const n of range(15)) await append([failed(HISTORY_LENGTH + 20 + n)]);
      await append([checkIn(1000)]);
      const expected = [
        checkIn(1000),
        ...range(HISTORY_LENGTH + 35)
          .map(failed)
          .reverse(),
      ];
      expect(await listed()).to.deep.equal(expected.slice(0, HISTORY_LENGTH));
    });

    it('goes with the device, and only with that', async () => {
      await append([failed(0), checkIn(1)]);
      await append([failed(0)], OTHER_UDID);
      expect(await opened.store.devices.remove(OTHER_OWNER, UDID)).to.equal(false);
      expect(await listed()).to.have.length(2);
      expect(await opened.other.devices.remove(OWNER, UDID)).to.equal(true);
      expect(await listed()).to.deep.equal([]);
      expect(await listed(OTHER_UDID)).to.have.length(1);
    });

    it('does not begin without the device, and begins anew with a new one', async () => {
      await append([failed(0), checkIn(1)]);
      await opened.other.devices.remove(OWNER, UDID);
      await append([failed(2), checkIn(3)]);
      expect(await listed()).to.deep.equal([]);
      await opened.other.devices.create(aDevice());
      expect(await listed()).to.deep.equal([]);
      await append([checkIn(4)]);
      expect(await listed()).to.deep.equal([checkIn(4)]);
    });

    it('takes many devices at once', async () => {
      const udids = range(300).map((n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
      await Promise.all(udids.map((udid) => opened.store.devices.create(aDevice({ udid }))));
      for (const round of [0, 1])
        await opened.store.history.append(
          new Map(udids.map((udid, n) => [udid, [failed(n), checkIn(round)]])),
        );
      const counts = await Promise.all(udids.map(async (udid) => (await listed(udid)).length));
      expect(new Set(counts)).to.deep.equal(new Set([4]));
    });
  });
}
