import { expect } from 'chai';
import type { DeviceStore } from '../../core/ports.js';
import { approved, asked, postponed, type Update } from '../../core/update.js';
import { aDevice, NOW, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import type { Open, Opened } from './harness.js';

const TARGET = { id: 'fw-1.1.0', version: '1.1.0', size: 300_000 };
const question = (): Update => asked(undefined, TARGET, '1.0.0', NOW);

/** What every `DeviceStore` knows about questions that are to be asked again. */
export function describeDueDevices(name: string, open: Open<DeviceStore>): void {
  describe(`${name}: devices whose question is due`, () => {
    let opened: Opened<DeviceStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const due = async (now: number, limit = 10) =>
      (await opened.other.due(now, limit)).map(({ udid }) => udid);
    const put = (update: Update | undefined, udid = UDID) =>
      opened.store.update(udid, (device) => ({ ...device, update }));

    it('is due at its time and after it, not before', async () => {
      await opened.store.create(aDevice({ update: postponed(question(), NOW) }));
      expect(await due(NOW - 1)).to.deep.equal([]);
      expect(await due(NOW)).to.deep.equal([UDID]);
      expect(await due(NOW + 1)).to.deep.equal([UDID]);
    });

    it('names those first that have waited longest, of every owner, and not more than asked for', async () => {
      await opened.store.create(aDevice({ update: postponed(question(), NOW - 1) }));
      const foreign = aDevice({
        owner: OTHER_OWNER,
        udid: OTHER_UDID,
        update: postponed(question(), NOW - 1e9),
      });
      await opened.store.create(foreign);
      expect(await due(NOW)).to.deep.equal([OTHER_UDID, UDID]);
      expect(await due(NOW, 1)).to.deep.equal([OTHER_UDID]);
    });

    it('is never due while the question is open, nor once it is answered', async () => {
      await opened.store.create(aDevice({ update: question() }));
      expect(await due(NOW * 2)).to.deep.equal([]);
      await put(postponed(question(), NOW));
      expect(await due(NOW)).to.deep.equal([UDID]);
      await put({ ...approved(question(), 'approved', NOW), postponedUntil: NOW });
      expect(await due(NOW)).to.deep.equal([]);
    });

    it('follows a question that is postponed again, asked again, withdrawn or removed with its device', async () => {
      await opened.store.create(aDevice());
      await put(postponed(question(), NOW));
      await put(postponed(question(), NOW + 5));
      expect(await due(NOW + 4)).to.deep.equal([]);
      expect(await due(NOW + 5)).to.deep.equal([UDID]);
      await put(question());
      expect(await due(NOW + 5)).to.deep.equal([]);
      await put(postponed(question(), NOW));
      await put(undefined);
      expect(await due(NOW)).to.deep.equal([]);
      await put(postponed(question(), NOW));
      await opened.store.remove(OWNER, UDID);
      expect(await due(NOW)).to.deep.equal([]);
    });
  });
}
