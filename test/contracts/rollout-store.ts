import { expect } from 'chai';
import type { RolloutStore } from '../../core/ports.js';
import type { RolloutEntry, RolloutState } from '../../core/rollouts/rollout.js';
import { NOW, OTHER_OWNER, OWNER } from '../support/builders.js';
import { codeOf } from '../support/domain.js';
import { aDecision, aPlan, aRollout } from '../support/rollouts.js';
import { type Open, type Opened, plain, range } from './harness.js';

const line = (n: number, change: Partial<RolloutEntry> = {}): RolloutEntry =>
  aDecision({ at: NOW - n, evidence: `line ${n} "é💥"\n`, ...change });

/** What every `RolloutStore` does. */
export function describeRolloutStore(name: string, open: Open<RolloutStore>): void {
  describe(`${name}: rollouts`, () => {
    let opened: Opened<RolloutStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const ids = async (owner = OWNER) => (await opened.other.list(owner)).map(({ id }) => id);
    const live = async () => (await opened.other.live()).map(({ id }) => id);
    /** The whole log, page by page. */
    const logOf = async (owner = OWNER, limit = 100) => {
      const lines: RolloutEntry[] = [];
      let after: string | undefined;
      do {
        const { items, next } = await opened.other.log(owner, limit, after);
        expect(items.length).to.be.at.most(limit);
        if (next !== undefined) expect(items.length).to.equal(limit);
        lines.push(...items);
        after = next;
      } while (after !== undefined);
      return lines;
    };

    it('returns a rollout as it was put, on every node', async () => {
      const rollout = aRollout({
        plan: aPlan({
          filter: { platform: 'arduino:esp8266', tags: ['a'], versions: '>=1.0.0 <2', udids: ['one'] },
          stages: [{ devices: 1 }, { percent: 33.3 }],
          ratePerMinute: 0.5,
          window: { days: ['sat', 'sun'], from: '22:00', to: '04:30', timeZone: 'Europe/Prague' },
        }),
        reason: 'Wartet auf „Ann“ 💥',
      });
      expect(await opened.store.get(rollout.id)).to.equal(undefined);
      expect(await opened.store.put(rollout, [])).to.equal(true);
      for (const store of [opened.store, opened.other]) {
        expect(plain(await store.get(rollout.id))).to.deep.equal(plain(rollout));
        expect(plain(await store.list(OWNER))).to.deep.equal(plain([rollout]));
        expect(plain(await store.live())).to.deep.equal(plain([rollout]));
      }
    });

    it('takes revision 1 if there is none, and the next one after that; nothing is written of any other', async () => {
      const put = (revision: number) =>
        opened.store.put(aRollout({ revision, reason: `${revision}` }), [line(revision)]);
      for (const wrong of [0, 2, -1]) expect(await put(wrong), `${wrong} of none`).to.equal(false);
      expect(await opened.store.get('rollout-1')).to.equal(undefined);
      expect(await ids()).to.deep.equal([]);
      expect(await put(1)).to.equal(true);
      for (const wrong of [0, 1, 3]) expect(await put(wrong), `${wrong} of 1`).to.equal(false);
      expect((await opened.other.get('rollout-1'))?.reason).to.equal('1');
      expect(await put(2)).to.equal(true);
      expect((await opened.other.get('rollout-1'))?.reason).to.equal('2');
      expect(await logOf()).to.deep.equal([line(1), line(2)]);
    });

    it('makes one of several changes of the same revision at once, with its lines and no others', async () => {
      for (const revision of range(20).map((n) => n + 1)) {
        const tries = range(6).map((n) => {
          const store = n % 2 ? opened.store : opened.other;
          return store.put(aRollout({ revision, reason: `${n}` }), [line(n), line(n)]);
        });
        const made = await Promise.all(tries);
        expect(made.filter(Boolean), `revision ${revision}`).to.have.length(1);
        const winner = made.indexOf(true);
        expect((await opened.store.get('rollout-1'))?.reason).to.equal(`${winner}`);
        const last = (await logOf()).slice((revision - 1) * 2);
        expect(last).to.deep.equal([line(winner), line(winner)]);
      }
    });

    it('lists the rollouts of one owner, oldest first', async () => {
      const times = [NOW + 3, NOW - 2e9, NOW, NOW + 1, 7];
      await Promise.all(
        times.map((createdAt) => opened.store.put(aRollout({ id: `at-${createdAt}`, createdAt }), [])),
      );
      await opened.store.put(aRollout({ id: 'foreign', owner: OTHER_OWNER }), []);
      await opened.store.put(aRollout({ id: `at-${NOW}`, createdAt: NOW, state: 'done', revision: 2 }), []);
      const sorted = [...times].sort((a, b) => a - b).map((time) => `at-${time}`);
      expect(await ids()).to.deep.equal(sorted);
      expect(await ids(OTHER_OWNER)).to.deep.equal(['foreign']);
    });

    it('says which are live, of all owners', async () => {
      const states: readonly RolloutState[] = ['scheduled', 'running', 'paused', 'halted', 'aborted', 'done'];
      for (const [n, state] of states.entries())
        await opened.store.put(
          aRollout({ id: state, owner: n % 2 ? OWNER : OTHER_OWNER, createdAt: NOW + n, state }),
          [],
        );
      expect(await live()).to.deep.equal(['scheduled', 'running', 'paused']);
      const change = (id: string, createdAt: number, state: RolloutState, revision: number) =>
        opened.store.put(aRollout({ id, owner: OWNER, createdAt, state, revision }), []);
      await change('running', NOW + 1, 'paused', 2);
      expect(await live()).to.deep.equal(['scheduled', 'running', 'paused']);
      await change('running', NOW + 1, 'halted', 3);
      expect(await live()).to.deep.equal(['scheduled', 'paused']);
      await change('running', NOW + 1, 'running', 4);
      expect(await live()).to.deep.equal(['scheduled', 'running', 'paused']);
      expect((await opened.other.live()).map(({ state }) => state)).to.deep.equal([
        'scheduled',
        'running',
        'paused',
      ]);
    });

    it('appends lines with a change and without, each in the log of its owner, in the order of the calls', async () => {
      await opened.store.put(aRollout(), [line(1), line(2)]);
      await opened.other.note([
        line(3, { stage: 1, udid: 'one', rule: 'threshold', who: 'key', what: 'approved' }),
        line(4, { owner: OTHER_OWNER }),
        line(5),
      ]);
      await opened.store.note([]);
      await opened.store.put(aRollout({ revision: 2 }), [line(6)]);
      expect(await logOf()).to.deep.equal([
        line(1),
        line(2),
        line(3, { stage: 1, udid: 'one', rule: 'threshold', who: 'key', what: 'approved' }),
        line(5),
        line(6),
      ]);
      expect(await logOf(OTHER_OWNER)).to.deep.equal([line(4, { owner: OTHER_OWNER })]);
    });

    it('keeps every line, the same line again too, however many there are and from whichever node', async () => {
      const many = range(9000).map((n) => line(n));
      await opened.store.note(many);
      await opened.other.note(many.slice(0, 1));
      await Promise.all(
        range(40).map((n) => (n % 2 ? opened.store : opened.other).note([line(9500), line(9500)])),
      );
      const lines = await logOf();
      expect(lines.slice(0, 9001)).to.deep.equal([...many, line(0)]);
      expect(lines.slice(9001)).to.deep.equal(range(80).map(() => line(9500)));
    });

    it('shows the log in pages of any size, and what was appended meanwhile at its end', async () => {
      await opened.store.note(range(10).map((n) => line(n)));
      await opened.store.note([line(0, { owner: OTHER_OWNER })]);
      for (const limit of [1, 3, 5, 10, 11])
        expect(await logOf(OWNER, limit), `${limit}`).to.deep.equal(range(10).map((n) => line(n)));
      const first = await opened.other.log(OWNER, 9);
      expect(first.items).to.have.length(9);
      await opened.store.note([line(10), line(11)]);
      const second = await opened.other.log(OWNER, 9, first.next);
      expect(second).to.deep.equal({ items: [line(9), line(10), line(11)], next: undefined });
      expect(await opened.other.log(OWNER, 9, first.next)).to.deep.equal(second);
      expect(await opened.other.log(OWNER, 9, '1000')).to.deep.equal({ items: [], next: undefined });
    });

    it('refuses what was never the place of a next page', async () => {
      await opened.store.note([line(1)]);
      for (const after of ['', 'x', '-1', '1.5', '0x1', '1e3', ' 1', '9'.repeat(16), '💥'])
        expect(await codeOf(opened.store.log(OWNER, 10, after)), after).to.equal('field_invalid');
    });

    it('takes any text for a name', async () => {
      for (const text of ['', '\0', 'x'.repeat(100_000), '💥', '../..', '__proto__']) {
        expect(await opened.store.get(text)).to.equal(undefined);
        expect(await opened.store.list(text)).to.deep.equal([]);
        expect(await opened.store.log(text, 10)).to.deep.equal({ items: [], next: undefined });
      }
      expect(await opened.store.live()).to.deep.equal([]);
    });
  });
}
