import { expect } from 'chai';
import fc from 'fast-check';
import { extended, type HistoryEntry } from '../../core/history.js';
import type { FleetEvent } from '../../rtm/src/model/nouns.js';
import { type Moment, type PastEvent, timeline } from '../../rtm/src/model/timeline.js';
import { NOW, OTHER_UDID, UDID } from '../support/builders.js';
import { at } from '../support/views.js';

const kept = (event: string, ms: number, more: Partial<PastEvent> = {}): PastEvent => ({
  event,
  at: at(NOW + ms),
  ...more,
});
const heard = (event: FleetEvent['event'], ms: number, more: Partial<FleetEvent> = {}): FleetEvent => ({
  event,
  at: NOW + ms,
  udid: UDID,
  alias: 'kitchen',
  ...more,
});
const v1 = { version: '1.0.0' };
const target = { version: '1.1.0', firmware: 'fw' };

const lines = (moments: readonly Moment[]): string[] =>
  moments.map(({ event, at: time, count }) => `${event} ${time - NOW}${count === 1 ? '' : ` x${count}`}`);
const shown = (past: readonly PastEvent[], live: readonly FleetEvent[]): string[] =>
  lines(timeline(past, live, UDID));

describe("a device's timeline", () => {
  it('is empty at first, and has all that there is to say', () => {
    expect(timeline([], [], UDID)).to.deep.equal([]);
    const error = { ...target, error: 'Wrong MD5' };
    expect(timeline([kept('failed', 0, error)], [heard('offered', 5, target)], UDID)).to.deep.equal([
      { event: 'offered', at: NOW + 5, count: 1, version: '1.1.0', error: undefined },
      { event: 'failed', at: NOW, count: 1, version: '1.1.0', error: 'Wrong MD5' },
    ]);
  });

  it('is of one device', () => {
    const others = [heard('created', 1, { udid: OTHER_UDID }), { event: 'published', at: NOW } as FleetEvent];
    expect(shown([], [...others, heard('created', 0)])).to.deep.equal(['created 0']);
  });

  it('shows what was heard and kept once, the newest first, in whatever order it comes', () => {
    const past = [kept('offered', 20, target), kept('asked', 10, target), kept('created', 0)];
    const live = [heard('downloading', 30, target), heard('offered', 20, target), heard('asked', 10, target)];
    const all = ['downloading 30', 'offered 20', 'asked 10', 'created 0'];
    expect(shown(past, live)).to.deep.equal(all);
    expect(shown(past, live.toReversed())).to.deep.equal(all);
    expect(shown(past.toReversed(), live)).to.deep.equal(all);
  });

  it('shows what was heard at the time of the newest that was kept', () => {
    expect(shown([kept('approved', 0, target)], [heard('offered', 0, target)])).to.have.members([
      'approved 0',
      'offered 0',
    ]);
  });

  it('tells two versions apart that come at one time', () => {
    const moments = timeline(
      [kept('withdrawn', 0, target)],
      [heard('withdrawn', 0, { version: '1.2.0', firmware: 'fw-2' })],
      UDID,
    );
    expect(moments.map(({ version }) => version)).to.have.members(['1.1.0', '1.2.0']);
  });

  it('shows what was heard and is not kept yet, also before the newest that is', () => {
    const past = [kept('checkin', 20, v1), kept('created', 0)];
    expect(shown(past, [heard('offered', 15, target), heard('created', 0)])).to.deep.equal([
      'checkin 20',
      'offered 15',
      'created 0',
    ]);
  });

  describe('check-ins', () => {
    const folded = kept('checkin', 50, { ...v1, since: at(NOW + 10), count: 5 });

    it('in a row are one line', () => {
      const live = [heard('checkin', 30, v1), heard('checkin', 20, v1), heard('offered', 10, target)];
      expect(shown([], live)).to.deep.equal(['checkin 30 x2', 'offered 10']);
    });

    it('with news between them are two', () => {
      const live = [heard('checkin', 30, v1), heard('offered', 20, target), heard('checkin', 10, v1)];
      expect(shown([], live)).to.deep.equal(['checkin 30', 'offered 20', 'checkin 10']);
    });

    it('that are in a kept entry already, at its ends or within it, are not counted twice', () => {
      const live = [50, 40, 30, 20, 10].map((ms) => heard('checkin', ms, v1));
      expect(shown([folded], live)).to.deep.equal(['checkin 50 x5']);
    });

    it('before and after it are not lost', () => {
      const live = [heard('checkin', 61, v1), heard('checkin', 60, v1), heard('checkin', 9, v1)];
      expect(shown([folded], live)).to.deep.equal(['checkin 61 x8']);
    });

    it('of another version within its time are not in it', () => {
      expect(shown([folded], [heard('checkin', 30, { version: '1.1.0' })])).to.deep.equal(['checkin 50 x6']);
    });

    it('are no check-outs', () => {
      expect(shown([folded], [heard('checkout', 30)])).to.deep.equal(['checkin 50 x5', 'checkout 30']);
    });
  });

  it('counts attempts to download that the server counts, the heard beginning among them', () => {
    const past = [kept('downloading', 40, { ...target, since: at(NOW + 10), count: 3 })];
    expect(shown(past, [heard('downloading', 10, target)])).to.deep.equal(['downloading 40 x3']);
  });

  it('shows each event once, wherever the history was read and whatever the server has folded', () => {
    const names = ['checkin', 'checkin', 'checkout', 'offered', 'failed', 'installed'] as const;
    const any = fc.record({ event: fc.constantFrom(...names), version: fc.constantFrom('1.0.0', '1.1.0') });
    fc.assert(
      fc.property(
        fc.array(any, { maxLength: 30 }),
        fc.nat(30),
        fc.nat(30),
        (events, readAfter, heardFrom) => {
          const entries = events.map(({ event, version }, i): HistoryEntry => {
            const about = event === 'checkin' || event === 'checkout' ? {} : { firmware: `fw-${version}` };
            return { event, at: NOW + i, version, ...about };
          });
          // All before `readAfter` was kept when the history was read, all from `heardFrom` on was heard.
          const known = entries.slice(0, readAfter);
          const { open, closed } = known.reduce<ReturnType<typeof extended>>(
            (so, entry) => {
              const further = extended(so.open, [entry]);
              return { open: further.open, closed: [...so.closed, ...further.closed] };
            },
            { open: [], closed: [] },
          );
          const past = [...closed, ...open].toReversed().map(
            ({ at: time, since, ...rest }): PastEvent => ({
              ...rest,
              at: at(time),
              ...(since !== undefined && { since: at(since) }),
            }),
          );
          const from = Math.min(heardFrom, readAfter);
          const live = entries.slice(from).toReversed();
          const moments = timeline(
            past,
            live.map(({ event, at: time, version = '' }) => heard(event, time - NOW, { version })),
            UDID,
          );
          const total = (name: string): number =>
            moments.filter(({ event }) => event === name).reduce((sum, { count }) => sum + count, 0);
          for (const name of new Set(names))
            expect(total(name), name).to.equal(events.filter(({ event }) => event === name).length);
          const times = moments.map((moment) => moment.at);
          expect(times).to.deep.equal(times.toSorted((a, b) => b - a));
          for (const [i, { event }] of moments.slice(1).entries())
            if (event === 'checkin') expect(moments[i]?.event).not.to.equal('checkin');
        },
      ),
      { numRuns: 500 },
    );
  });
});
