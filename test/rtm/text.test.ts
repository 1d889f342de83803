import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { UpdateState } from '../../core/update.js';
import { eventText } from '../../rtm/src/model/event-text.js';
import type { EventName } from '../../rtm/src/model/nouns.js';
import { sketch } from '../../rtm/src/model/sketch.js';
import { STATE_NAMES, statusOf } from '../../rtm/src/model/status.js';
import { ago, clock, count, size, versionIn } from '../../rtm/src/model/text.js';
import { HOUR, MINUTE, NOW } from '../support/builders.js';
import { aDeviceView, anUpdateView, at } from '../support/views.js';

const DAY = 24 * HOUR;

describe('what the page says', () => {
  describe('of a time', () => {
    const cases: readonly [ms: number, text: string][] = [
      [-DAY, 'just now'],
      [0, 'just now'],
      [MINUTE - 1, 'just now'],
      [MINUTE, '1 min ago'],
      [HOUR - 1, '59 min ago'],
      [HOUR, '1 h ago'],
      [DAY, '24 h ago'],
      [2 * DAY - 1, '47 h ago'],
      [2 * DAY, '2 days ago'],
      [100 * DAY, '100 days ago'],
    ];
    for (const [ms, text] of cases)
      it(`${ms} ms ago: ${text}`, () => expect(ago(at(NOW - ms), NOW)).to.equal(text));

    it("in the reader's own time, padded", () => {
      const time = new Date(2026, 0, 2, 3, 4, 5, 678);
      expect(clock(time.getTime())).to.equal('2026-01-02 03:04:05');
      expect(clock(time.toISOString())).to.equal('2026-01-02 03:04:05');
      expect(clock(new Date(2026, 11, 28, 18, 55, 59).getTime())).to.equal('2026-12-28 18:55:59');
    });
  });

  it('of how much there is', () => {
    const MiB = 1024 * 1024;
    const sizes: readonly [bytes: number, text: string][] = [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1 KiB'],
      [1025, '2 KiB'],
      [456_000, '446 KiB'],
      [1023 * 1024, '1023 KiB'],
      [MiB - 1, '1.0 MiB'],
      [MiB, '1.0 MiB'],
      [1.5 * MiB, '1.5 MiB'],
      [2000 * MiB, '2000.0 MiB'],
    ];
    for (const [bytes, text] of sizes) expect(size(bytes)).to.equal(text);
    expect([0, 1, 2, 12_000].map((n) => count(n, 'device'))).to.deep.equal([
      '0 devices',
      '1 device',
      '2 devices',
      '12,000 devices',
    ]);
  });

  describe('of the version in a name', () => {
    const names: Readonly<Record<string, string>> = {
      'firmware-1.2.0.bin': '1.2.0',
      'app_v2.0.1-rc1.bin': '2.0.1-rc1',
      'app-2.0.1-rc.12.bin': '2.0.1-rc.12',
      'app-2.0.1-beta.bin': '2.0.1-beta',
      'app-2.0.1-Preview2_esp32.bin': '2.0.1-Preview2',
      'fw.bin': '',
      'esp8266-at-user1.bin': '',
      'firmware-10.bin': '',
      '1.2.3.bin': '1.2.3',
      '1.2.3': '1.2.3',
      '1.2.3.4.bin': '1.2.3.4',
      'v1.2.bin': '1.2',
      'firmware.1.20.300.bin': '1.20.300',
      'firmware-1.2.0.bin.gz': '1.2.0',
      'firmware-1.2.0.tar.gz': '1.2.0',
      'firmware-1.2.0.uf2': '1.2.0',
      // A chip or a date is no version before the final one.
      'firmware-1.2.0-esp8266.bin': '1.2.0',
      'firmware-1.2.0-20261128.bin': '1.2.0',
      'firmware-1.2.0_esp32.bin': '1.2.0',
      'esp32-1.2.0 (1).bin': '1.2.0',
      'esp8266-2.0.bin': '2.0',
      // What goes on with letters is some other version: better none than a wrong one.
      'firmware-1.2.0a.bin': '',
      'firmware-1.0rc1.bin': '',
      '': '',
      '.bin': '',
      'init.lua': '',
      'main.mp3': '',
    };
    for (const [name, version] of Object.entries(names))
      it(`"${name}": "${version}"`, () => expect(versionIn(name)).to.equal(version));
  });

  describe('of an event', () => {
    const ALL: readonly EventName[] = [
      'created',
      'checkin',
      'checkout',
      'asked',
      'approved',
      'declined',
      'postponed',
      'offered',
      'downloading',
      'downloaded',
      'installed',
      'failed',
      'refused',
      'withdrawn',
      'published',
      'removed',
    ];
    it('in a few words, with and without a version', () => {
      expect(eventText('offered', '1.1.0')).to.equal('was offered 1.1.0');
      expect(eventText('offered')).to.equal('was offered an update');
      expect(eventText('checkin', '1.1.0')).to.equal('checked in');
      expect(eventText('asked', '')).to.equal('waits for your decision about');
      const texts = ALL.map((event) => eventText(event, '1.1.0'));
      expect(new Set(texts).size).to.equal(ALL.length);
      for (const [i, event] of ALL.entries()) expect(texts[i]).not.to.equal(event);
    });

    it('by its name, where a newer server knows more', () => {
      for (const event of ['rebooted', 'toString', 'constructor', '__proto__', 'hasOwnProperty'])
        expect(eventText(event, '1.1.0')).to.equal(event);
    });
  });

  it('of a state is one word for each, and one of four at a glance', () => {
    const glance: Readonly<Record<UpdateState, string>> = {
      asked: 'asks',
      approved: 'updating',
      offered: 'updating',
      downloading: 'updating',
      downloaded: 'updating',
      failed: 'failed',
      declined: 'settled',
      installed: 'settled',
      withdrawn: 'settled',
    };
    for (const [state, status] of Object.entries(glance) as [UpdateState, string][]) {
      expect(statusOf(aDeviceView({ update: anUpdateView(state) })), state).to.equal(status);
      const why = { reason: 'postponed', sentence: '' } as const;
      const later = statusOf(aDeviceView({ update: anUpdateView(state), why }));
      expect(later, `${state}, put off`).to.equal(state === 'asked' ? 'settled' : status);
    }
    expect(statusOf(aDeviceView())).to.equal('settled');
    expect(Object.keys(STATE_NAMES)).to.have.members(Object.keys(glance));
    expect(new Set(Object.values(STATE_NAMES)).size).to.equal(Object.keys(glance).length);
  });

  describe('as a sketch', () => {
    const facts = { host: 'fleet.example', httpPort: 8443, mqttPort: 1884, owner: 'a1b2', key: 'c3d4' };

    it('has what it is given, each where it belongs', () => {
      const text = sketch(facts);
      expect(text).to.contain('*HOST = "fleet.example", *OWNER = "a1b2", *KEY = "c3d4",');
      expect(text).to.contain('setServer(HOST, 1884)');
      expect(text).to.contain('update(download, HOST, 8443, path)');
    });

    it('keeps quotes and backslashes inside their strings', () => {
      const text = sketch({ ...facts, key: 'a"b\\c"; evil(); //$& $1' });
      expect(text).to.contain('*KEY = "a\\"b\\\\c\\"; evil(); //$& $1", *VERSION');
    });

    it('is the one that the README shows', async () => {
      const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
      const [, shown] = /^```cpp\n([\s\S]*?)^```/m.exec(readme) ?? [];
      const ofReadme = { host: '192.168.1.10', httpPort: 7442, mqttPort: 1883 };
      expect(sketch({ ...ofReadme, owner: '<owner>', key: '<device key>' })).to.equal(shown);
    });
  });
});
