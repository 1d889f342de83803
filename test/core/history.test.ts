import { expect } from 'chai';
import { extended, gathered, type HistoryEntry, type HistoryEvent, parted } from '../../core/history.js';
import { NOW } from '../support/builders.js';

const entry = (event: HistoryEvent, seconds: number, more: Partial<HistoryEntry> = {}): HistoryEntry => ({
  event,
  at: NOW + seconds * 1000,
  ...more,
});
const v1 = { version: '1.0.0' };
const target = { version: '1.1.0', firmware: 'fw' };

/** All entries, oldest first, after these have come one by one. */
function historyOf(entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
  let open: readonly HistoryEntry[] = [];
  const closed: HistoryEntry[] = [];
  for (const each of entries) {
    const next = extended(open, [each]);
    closed.push(...next.closed);
    open = next.open;
  }
  return [...closed, ...open];
}
const names = (entries: readonly HistoryEntry[]): string[] =>
  entries.map(({ event, count }) => `${event} ${count ?? 1}`);

describe('the history of a device', () => {
  it('has one entry for all check-ins between two pieces of news, and one for all check-outs', () => {
    const entries = [
      entry('checkin', 0, v1),
      entry('checkout', 1),
      entry('checkin', 2, v1),
      entry('checkin', 3, v1),
      entry('checkout', 4),
      entry('offered', 5, target),
      entry('checkin', 6, v1),
    ];
    expect(historyOf(entries)).to.deep.equal([
      entry('checkin', 3, { ...v1, since: NOW, count: 3 }),
      entry('checkout', 4, { since: NOW + 1000, count: 2 }),
      entry('offered', 5, target),
      entry('checkin', 6, v1),
    ]);
  });

  it('tells a check-in with another version apart', () => {
    const entries = [entry('checkin', 0, v1), entry('checkin', 1, { version: '1.1.0' }), entry('checkin', 2)];
    expect(historyOf(entries)).to.deep.equal(entries);
  });

  it('keeps every outcome by itself, also the same twice', () => {
    const failed = (seconds: number) => entry('failed', seconds, { ...target, error: 'Wrong MD5' });
    expect(historyOf([failed(0), failed(1)])).to.deep.equal([failed(0), failed(1)]);
  });

  it('has the attempts to download one firmware as one entry, with how far the last one got', () => {
    const entries = [
      entry('offered', 0, target),
      entry('downloading', 1, target),
      entry('downloading', 2, { ...target, progress: 70, count: 0 }),
      entry('checkout', 3),
      entry('downloading', 4, target),
      entry('downloading', 5, { ...target, progress: 40, count: 0 }),
      entry('downloaded', 6, target),
    ];
    expect(historyOf(entries.slice(0, 3)).at(-1)).to.deep.equal(
      entry('downloading', 2, { ...target, since: NOW + 1000, progress: 70 }),
    );
    expect(historyOf(entries.slice(0, 5)).at(-1)).to.not.have.property('progress');
    expect(historyOf(entries)).to.deep.equal([
      entry('offered', 0, target),
      entry('checkout', 3),
      entry('downloading', 5, { ...target, since: NOW + 1000, count: 2, progress: 40 }),
      entry('downloaded', 6, target),
    ]);
  });

  it('does not say how far an attempt got that is over', () => {
    const entries = [entry('downloading', 0, target), entry('withdrawn', 1, target)];
    const late = entry('downloading', 2, { ...target, progress: 40, count: 0 });
    expect(historyOf([...entries, late])).to.deep.equal(entries);
  });

  it('holds a bounded number of entries open', () => {
    const many = [...Array(50).keys()].map((n) => entry('checkin', n, { version: `1.${n % 10}` }));
    const { open, closed } = extended([], many);
    expect(open).to.have.length(6);
    expect(closed).to.have.length(44);
  });

  it('comes to the same whether entries come one by one or gathered, and is parted where it goes on', () => {
    const events: HistoryEvent[] = ['checkin', 'checkin', 'checkout', 'asked', 'checkin', 'downloading'];
    const all = [...Array(60).keys()].map((n) =>
      entry(events[(n * 7) % events.length] ?? 'checkin', n, target),
    );
    let waiting: readonly HistoryEntry[] = [];
    for (const each of all) waiting = gathered(waiting, each);
    const { open, closed } = extended([], waiting);
    const whole = historyOf(all);
    expect([...closed, ...open]).to.deep.equal(whole);
    const halves = parted(whole);
    expect([...halves.closed, ...halves.open]).to.deep.equal(whole);
    const next = entry('checkin', 100, target);
    const again = extended(halves.open, [next]);
    expect(names([...halves.closed, ...again.closed, ...again.open])).to.deep.equal(
      names(historyOf([...all, next])),
    );
  });

  it('gathers what happens twice in a row, and how far an attempt got', () => {
    const progress = (percent: number) =>
      entry('downloading', percent, { ...target, progress: percent, count: 0 });
    let waiting = gathered([], progress(10));
    waiting = gathered(waiting, progress(20));
    expect(waiting).to.deep.equal([{ ...progress(20), since: NOW + 10_000 }]);
    waiting = gathered(waiting, entry('downloading', 30, target));
    expect(waiting).to.have.length(1);
    expect(names(waiting)).to.deep.equal(['downloading 1']);
  });
});
