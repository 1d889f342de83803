import { expect } from 'chai';
import fc from 'fast-check';
import type { DeviceView } from '../../rtm/src/model/nouns.js';
import { EVERYTHING, NO_VERSION, type Query, Rows, type SortKey } from '../../rtm/src/model/rows.js';
import { statusOf } from '../../rtm/src/model/status.js';
import { compareVersions } from '../../rtm/src/model/version.js';
import { anyDevice, aVersion, byUdid } from '../support/arbitrary-views.js';
import { NOW } from '../support/builders.js';
import { aDeviceView, anUpdateView, at } from '../support/views.js';

const device = (alias: string, change: Partial<DeviceView> = {}): DeviceView =>
  aDeviceView({ udid: `udid-${alias}`, alias, ...change });

const select = (devices: readonly DeviceView[], query: Partial<Query> = {}, rows = new Rows()): string =>
  rows
    .select(byUdid(devices), { ...EVERYTHING, ...query })
    .map(({ alias }) => alias)
    .join(' ');

describe('the rows of the table', () => {
  describe('are searched for words', () => {
    const fleet = [
      device('Kitchen', { mac: '5CCF7F1A2B3C', tags: ['beta', 'upstairs'], platform: 'arduino:esp8266' }),
      device('kettle', { version: null, platform: null, mac: null, status: 'OTA: Wrong MD5' }),
      device('roof', { version: '2.7.1', why: { reason: 'declined', sentence: 'You declined 3.0.' } }),
      device('cellar', { update: anUpdateView('failed', { version: '9.9.9', firmware: 'fw' }) }),
    ];
    const cases: readonly [text: string, found: string][] = [
      ['', 'cellar kettle Kitchen roof'],
      ['   ', 'cellar kettle Kitchen roof'],
      ['KIT', 'Kitchen'],
      ['ket kit', ''],
      ['k e t', 'kettle Kitchen'],
      ['  kit\tbeta ', 'Kitchen'],
      ['beta kit', 'Kitchen'],
      ['UPSTAIRS', 'Kitchen'],
      ['7f1a', 'cellar Kitchen roof'],
      ['esp8266', 'cellar Kitchen roof'],
      ['udid-roof', 'roof'],
      ['2.7.1', 'roof'],
      ['declined', 'roof'],
      ['wrong md5', 'kettle'],
      ['9.9.9', 'cellar'],
      ['null', ''],
      ['undefined', ''],
      ['.*', ''],
      // What stands side by side is not one word.
      ['kitchenudid', ''],
    ];
    for (const [text, found] of cases) it(`"${text}"`, () => expect(select(fleet, { text })).to.equal(found));

    it('as they are now, although what can be found is remembered', () => {
      const rows = new Rows();
      expect(select([device('roof')], { text: 'beta' }, rows)).to.equal('');
      expect(select([device('roof', { tags: ['beta'] })], { text: 'beta' }, rows)).to.equal('roof');
      expect(select([device('roof')], { text: 'beta' }, rows)).to.equal('');
    });
  });

  describe('are narrowed', () => {
    const fleet = [
      device('asks', { update: anUpdateView('asked') }),
      device('failed', { update: anUpdateView('failed'), online: false }),
      device('later', {
        update: anUpdateView('asked'),
        why: { reason: 'postponed', sentence: 'later' },
        version: null,
      }),
      device('settled', { tags: ['lab'], platform: 'micropython', version: '2.0.0' }),
      device('updating', { update: anUpdateView('offered'), tags: ['lab', 'beta'] }),
    ];
    const cases: readonly [Partial<Query>, string][] = [
      [{ show: 'all' }, 'asks failed later settled updating'],
      [{ show: 'online' }, 'asks later settled updating'],
      [{ show: 'offline' }, 'failed'],
      [{ show: 'asks' }, 'asks'],
      [{ show: 'updating' }, 'updating'],
      [{ show: 'failed' }, 'failed'],
      [{ version: '2.0.0' }, 'settled'],
      [{ version: NO_VERSION }, 'later'],
      [{ version: '2.0' }, ''],
      [{ platform: 'micropython' }, 'settled'],
      [{ tag: 'lab' }, 'settled updating'],
      [{ tag: 'la' }, ''],
      [{ tag: 'lab', show: 'updating', text: 'beta' }, 'updating'],
      [{ tag: 'lab', show: 'failed' }, ''],
    ];
    for (const [query, found] of cases)
      it(JSON.stringify(query), () => expect(select(fleet, query)).to.equal(found));
  });

  describe('are sorted', () => {
    const fleet = [
      device('b10', { version: '1.9.0', platform: 'b', online: false, lastSeen: at(NOW) }),
      device('b9', {
        version: '1.10.0',
        platform: null,
        lastSeen: at(NOW + 2),
        update: anUpdateView('failed'),
      }),
      device('B1', {
        version: null,
        platform: 'a',
        lastSeen: at(NOW + 1),
        update: anUpdateView('downloading', { progress: 20 }),
      }),
      device('a', {
        version: '1.10.0-rc.1',
        platform: 'a',
        online: false,
        lastSeen: at(NOW + 2),
        update: anUpdateView('downloading', { progress: 70 }),
      }),
      device('c', { version: '1.9.0', platform: 'b', lastSeen: at(NOW), update: anUpdateView('asked') }),
    ];
    const cases: Readonly<Record<SortKey, [up: string, down: string]>> = {
      alias: ['a B1 b9 b10 c', 'c b10 b9 B1 a'],
      // Where two are equal their names decide, in either direction.
      platform: ['b9 a B1 b10 c', 'b10 c a B1 b9'],
      version: ['B1 b10 c a b9', 'b9 a b10 c B1'],
      online: ['B1 b9 c a b10', 'a b10 B1 b9 c'],
      lastSeen: ['a b9 B1 b10 c', 'b10 c B1 a b9'],
      update: ['b9 c a B1 b10', 'b10 B1 a c b9'],
    };
    for (const [sort, [up, down]] of Object.entries(cases) as [SortKey, [string, string]][])
      it(`by ${sort}, both ways, with or without a memory`, () => {
        const rows = new Rows();
        for (const devices of [fleet, fleet.toReversed(), fleet]) {
          expect(select(devices, { sort }, rows)).to.equal(up);
          expect(select(devices, { sort, descending: true }, rows)).to.equal(down);
          expect(select(devices, { sort, descending: true })).to.equal(down);
        }
      });
  });

  const anyQuery: fc.Arbitrary<Query> = fc.record({
    text: fc.constantFrom('', '', 'k', 'hall 10', 'esp 1.0', 'ÄRGER', 'md5'),
    show: fc.constantFrom('all', 'all', 'online', 'offline', 'asks', 'updating', 'failed'),
    version: fc.oneof(fc.constant(''), aVersion, fc.constant(NO_VERSION)),
    platform: fc.constantFrom('', '', 'micropython', 'arduino:esp32'),
    tag: fc.constantFrom('', '', 'lab'),
    sort: fc.constantFrom('alias', 'platform', 'version', 'online', 'lastSeen', 'update'),
    descending: fc.boolean(),
  });

  /** What is asked for, said once more and simply. */
  function isAskedFor(view: DeviceView, query: Query): boolean {
    const shown = {
      all: true,
      online: view.online,
      offline: !view.online,
      asks: statusOf(view) === 'asks',
      updating: statusOf(view) === 'updating',
      failed: statusOf(view) === 'failed',
    };
    const known = [view.alias, view.udid, view.mac, view.platform, view.version, view.why.sentence];
    const text = [...known, ...view.tags, view.update?.version, view.status].join('|').toLowerCase();
    return (
      shown[query.show] &&
      (!query.version || query.version === (view.version ?? NO_VERSION)) &&
      (!query.platform || query.platform === view.platform) &&
      (!query.tag || view.tags.some((tag) => tag === query.tag)) &&
      query.text.split(' ').every((word) => text.includes(word.toLowerCase()))
    );
  }

  const compareText = new Intl.Collator('en', { numeric: true, sensitivity: 'base' }).compare;
  const urgency = ['failed', 'asks', 'updating', 'settled'];
  const orders: Readonly<Record<SortKey, (a: DeviceView, b: DeviceView) => number>> = {
    alias: (a, b) => compareText(a.alias, b.alias),
    platform: (a, b) => compareText(a.platform ?? '', b.platform ?? ''),
    version: (a, b) => compareVersions(a.version ?? '', b.version ?? ''),
    online: (a, b) => +b.online - +a.online,
    lastSeen: (a, b) => Date.parse(b.lastSeen) - Date.parse(a.lastSeen),
    update: (a, b) =>
      urgency.indexOf(statusOf(a)) - urgency.indexOf(statusOf(b)) ||
      (b.update?.progress ?? 0) - (a.update?.progress ?? 0),
  };
  function order({ sort, descending }: Query, a: DeviceView, b: DeviceView): number {
    const byKey = orders[sort](a, b) * (descending ? -1 : 1);
    return byKey || orders.alias(a, b) || (a.udid < b.udid ? -1 : 1);
  }

  it('are what is asked for, in order, also after whatever has changed', () => {
    const change = fc.oneof(
      anyDevice.map((view) => (devices: Map<string, DeviceView>) => void devices.set(view.udid, view)),
      fc
        .integer({ min: 0, max: 15 })
        .map((n) => (devices: Map<string, DeviceView>) => void devices.delete(`device-${n}`)),
    );
    const step = fc.record({ changes: fc.array(change, { maxLength: 6 }), query: fc.option(anyQuery) });
    fc.assert(
      fc.property(fc.array(anyDevice), anyQuery, fc.array(step, { maxLength: 6 }), (first, asked, steps) => {
        const devices = byUdid(first);
        const rows = new Rows();
        let query = asked;
        const check = (): void => {
          const found = rows.select(devices, query);
          const expected = [...devices.values()].filter((view) => isAskedFor(view, query));
          expected.sort((a, b) => order(query, a, b));
          expect(found.map(({ udid }) => udid)).to.deep.equal(expected.map(({ udid }) => udid));
          for (const view of found) expect(view).to.equal(devices.get(view.udid));
        };
        check();
        for (const { changes, query: next } of steps) {
          for (const alter of changes) alter(devices);
          query = next ?? query;
          check();
        }
      }),
      { numRuns: 300 },
    );
  });
});
