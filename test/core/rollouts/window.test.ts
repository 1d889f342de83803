import { expect } from 'chai';
import fc from 'fast-check';
import { type OfferWindow, WEEKDAYS } from '../../../core/rollouts/plan.js';
import { isOpen, opensAt } from '../../../core/rollouts/window.js';
import { HOUR, MINUTE } from '../../support/builders.js';

const window = (days: OfferWindow['days'], from: string, to: string, timeZone = 'UTC'): OfferWindow => ({
  days,
  from,
  to,
  timeZone,
});
const utc = (text: string): number => Date.parse(`${text}Z`);

// 2026-11-30 is a Monday. Prague is one hour ahead of UTC in winter, two in summer; clocks change on 2026-03-29 and 2026-10-25 at 01:00 UTC.
const night = window([], '02:00', '05:00');
const mondays = window(['mon'], '02:00', '05:00');
const over = window(['fri'], '22:00', '02:00');
const prague = window([], '02:00', '05:00', 'Europe/Prague');
const kiritimati = window(['mon'], '00:00', '06:00', 'Pacific/Kiritimati');
const kathmandu = window([], '06:00', '07:00', 'Asia/Kathmandu');

describe('the window of a rollout: is it open?', () => {
  const rows: [name: string, window: OfferWindow | undefined, at: string, expected: boolean][] = [
    ['no window', undefined, '2026-11-30T12:00', true],
    ['before it', night, '2026-11-30T01:59:59.999', false],
    ['at its first moment', night, '2026-11-30T02:00', true],
    ['at its last moment', night, '2026-11-30T04:59:59.999', true],
    ['at its end', night, '2026-11-30T05:00', false],
    ['on its day', mondays, '2026-11-30T03:00', true],
    ['on another day', mondays, '2026-12-01T03:00', false],
    ['over midnight, the evening it opens', over, '2026-12-04T22:00', true],
    ['over midnight, the morning after', over, '2026-12-05T01:59', true],
    ['over midnight, at its end', over, '2026-12-05T02:00', false],
    ['over midnight, the next evening', over, '2026-12-05T22:00', false],
    ['over midnight, the morning of its own day', over, '2026-12-04T01:00', false],
    ['over midnight, between', over, '2026-12-04T12:00', false],
    ['until midnight', window([], '22:00', '00:00'), '2026-11-30T23:59', true],
    ['until midnight, at midnight', window([], '22:00', '00:00'), '2026-12-01T00:00', false],
    ['Prague in winter', prague, '2026-01-15T01:00', true],
    ['Prague in winter, before it', prague, '2026-01-15T00:59', false],
    ['Prague in summer', prague, '2026-07-15T00:00', true],
    ['Prague in summer, at its end', prague, '2026-07-15T03:00', false],
    ['the night the clocks go forward, 01:59 there', prague, '2026-03-29T00:59', false],
    ['the night the clocks go forward, 03:00 there', prague, '2026-03-29T01:00', true],
    ['the night the clocks go forward, 05:00 there', prague, '2026-03-29T03:00', false],
    ['the night the clocks go back, the first 02:30', prague, '2026-10-25T00:30', true],
    ['the night the clocks go back, the second 02:30', prague, '2026-10-25T01:30', true],
    ['the night the clocks go back, 04:59 there', prague, '2026-10-25T03:59', true],
    ['the night the clocks go back, 05:00 there', prague, '2026-10-25T04:00', false],
    ['a place where it is Monday already', kiritimati, '2026-11-29T10:00', true],
    ['a place where it is Tuesday already', kiritimati, '2026-11-30T10:00', false],
    ['a place three quarters of an hour off', kathmandu, '2026-11-30T00:15', true],
    ['a place three quarters of an hour off, before it', kathmandu, '2026-11-30T00:14', false],
  ];
  for (const [name, asked, at, expected] of rows)
    it(`${name}: ${expected ? 'open' : 'shut'}`, () => expect(isOpen(asked, utc(at))).to.equal(expected));
});

describe('the window of a rollout: when does it open?', () => {
  const rows: [name: string, window: OfferWindow, at: string, expected: string][] = [
    ['later today', night, '2026-11-30T00:30:10', '2026-11-30T02:00'],
    ['tomorrow', night, '2026-11-30T05:00', '2026-12-01T02:00'],
    ['in a week', mondays, '2026-11-30T05:00', '2026-12-07T02:00'],
    ['over midnight', over, '2026-12-05T02:00', '2026-12-11T22:00'],
    ['the clocks go forward before', prague, '2026-03-28T12:00', '2026-03-29T01:00'],
    ['the clocks go back before', prague, '2026-10-24T12:00', '2026-10-25T00:00'],
    [
      'a window that the change of the clock swallows opens a week later',
      window(['sun'], '02:00', '03:00', 'Europe/Prague'),
      '2026-03-23T12:00',
      '2026-04-05T00:00',
    ],
  ];
  for (const [name, asked, at, expected] of rows)
    it(`${name}: ${expected}`, () => expect(opensAt(asked, utc(at))).to.equal(utc(expected)));

  it('now, if it is open, or if there is none', () => {
    const at = utc('2026-11-30T02:30:07.123');
    expect(opensAt(night, at)).to.equal(at);
    expect(opensAt(undefined, at)).to.equal(at);
  });

  it('whatever the window, it opens at last, and not before the time told', () => {
    const time = fc
      .integer({ min: 0, max: 1439 })
      .map((minute) => new Date(minute * MINUTE).toISOString().slice(11, 16));
    const asked = fc
      .record({
        days: fc.uniqueArray(fc.constantFrom(...WEEKDAYS)),
        from: time,
        to: time,
        timeZone: fc.constantFrom(
          'UTC',
          'Europe/Prague',
          'America/St_Johns',
          'Australia/Lord_Howe',
          'Asia/Kathmandu',
        ),
      })
      .filter(({ from, to }) => from !== to);
    const at = fc.integer({ min: utc('2026-01-01T00:00') / HOUR, max: utc('2027-01-01T00:00') / HOUR });
    fc.assert(
      fc.property(asked, at, (each, hour) => {
        const now = hour * HOUR;
        const opening = opensAt(each, now);
        if (opening === undefined) throw new Error('it never opens');
        expect(isOpen(each, opening)).to.equal(true);
        if (opening === now) return;
        expect(isOpen(each, opening - MINUTE)).to.equal(false);
        for (let minute = now; minute < opening; minute += 7 * MINUTE)
          expect(isOpen(each, minute)).to.equal(false);
      }),
      { numRuns: 30 },
    );
  });
});
