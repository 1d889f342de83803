import { expect } from 'chai';
import type { Device } from '../../core/device.js';
import type { Stores } from '../../core/ports.js';
import { aDevice, aToken, OTHER_OWNER, OTHER_UDID, OWNER, UDID } from '../support/builders.js';
import { type Open, type Opened, plain, range } from './harness.js';

const hash = (n: number): string => `${n}`.padStart(64, '0');
const tagged = (tag: string) => (device: Device) => ({ ...device, tags: [...device.tags, tag] });

/** What every `TokenStore` does when it issues a token and changes the device's record as one step. */
export function describeTokenChange(name: string, open: Open<Pick<Stores, 'tokens' | 'devices'>>): void {
  describe(`${name}: a token and the record of its device`, () => {
    let opened: Opened<Pick<Stores, 'tokens' | 'devices'>>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const token = (n: number, udid = UDID) => aToken({ hash: hash(n), udid });
    const issue = (n: number, change?: (device: Device) => Device) =>
      opened.store.tokens.issue(token(n), change);
    /** What another node sees: the tags of the device, and which tokens there are. */
    const seen = async () => {
      const tags = (await opened.other.devices.get(UDID))?.tags;
      const found = await Promise.all(range(10).map((n) => opened.other.tokens.get(hash(n))));
      return { tags, tokens: range(10).filter((n) => found[n]) };
    };

    it('are both written, and the record is handed back as it now stands', async () => {
      await opened.store.devices.create(aDevice());
      const after = await issue(1, tagged('one'));
      expect(plain(after)).to.deep.equal(plain(aDevice({ tags: ['one'] })));
      expect(await seen()).to.deep.equal({ tags: ['one'], tokens: [1] });
      expect(plain(await opened.other.tokens.get(hash(1)))).to.deep.equal(plain(token(1)));
    });

    it('are changed in the step that kills the token it had before', async () => {
      await opened.store.devices.create(aDevice());
      await issue(1, tagged('one'));
      await opened.store.tokens.issue(token(9, OTHER_UDID));
      await issue(2, tagged('two'));
      expect(await seen()).to.deep.equal({ tags: ['one', 'two'], tokens: [2, 9] });
    });

    it('stay together, however many are issued at once from two nodes: the last change left the only token', async () => {
      await opened.store.devices.create(aDevice());
      const nodes = [opened.store, opened.other];
      await Promise.all(range(10).map((n) => nodes[n % 2]?.tokens.issue(token(n), tagged(`${n}`))));
      const { tags = [], tokens } = await seen();
      expect(tags).to.have.length(10);
      expect(tokens.map(String)).to.deep.equal(tags.slice(-1));
    });

    it('are found by what the change has made of the record', async () => {
      await opened.store.devices.create(aDevice());
      await issue(1, (device) => ({ ...device, mac: 'A0B1C2D3E4F5' }));
      const byMac = async (mac: string) => (await opened.other.devices.findByMac(OWNER, mac))?.udid;
      expect([await byMac('5CCF7F1A2B3C'), await byMac('A0B1C2D3E4F5')]).to.deep.equal([undefined, UDID]);
    });

    it('are neither there if there is no such device, and a token of before stays', async () => {
      let asked = 0;
      await issue(1);
      const change = (device: Device) => {
        asked++;
        return device;
      };
      expect(await issue(2, change)).to.equal(undefined);
      expect(asked).to.equal(0);
      expect(await seen()).to.deep.equal({ tags: undefined, tokens: [1] });
    });

    it('without a change: the token is issued whether or not there is a device, and no record is touched', async () => {
      expect(await issue(1)).to.equal(undefined);
      expect(await seen()).to.deep.equal({ tags: undefined, tokens: [1] });
      await opened.store.devices.create(aDevice());
      await issue(2);
      expect(plain(await opened.other.devices.get(UDID))).to.deep.equal(plain(aDevice()));
      expect(await seen()).to.deep.equal({ tags: [], tokens: [2] });
    });

    it('a change that leaves the record alone still issues the token', async () => {
      await opened.store.devices.create(aDevice());
      expect(plain(await issue(1, (device) => device))).to.deep.equal(plain(aDevice()));
      expect(await seen()).to.deep.equal({ tags: [], tokens: [1] });
    });

    for (const [what, bad, error] of [
      [
        'throws',
        () => {
          throw new Error('on purpose');
        },
        /on purpose/,
      ],
      ['alters the owner', (device: Device) => ({ ...device, owner: OTHER_OWNER }), /altered its owner/],
      ['alters the UDID', (device: Device) => ({ ...device, udid: OTHER_UDID }), /altered its owner or UDID/],
    ] as const)
      it(`a change that ${what} leaves everything as it was, and nothing else undone`, async () => {
        await opened.store.devices.create(aDevice());
        await issue(1, tagged('one'));
        const outcomes = await Promise.allSettled([
          opened.store.devices.update(UDID, tagged('before')),
          issue(2, bad),
          opened.store.devices.update(UDID, tagged('after')),
        ]);
        expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
        const [, failed] = outcomes;
        expect(String(failed.status === 'rejected' && failed.reason)).to.match(error);
        expect(await seen()).to.deep.equal({ tags: ['one', 'before', 'after'], tokens: [1] });
      });
  });
}
