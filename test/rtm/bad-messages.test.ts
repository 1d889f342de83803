import { expect } from 'chai';
import fc from 'fast-check';
import { Fleet } from '../../rtm/src/model/fleet.js';
import type { FleetEvent } from '../../rtm/src/model/nouns.js';
import { groupQuestions } from '../../rtm/src/model/questions.js';
import { EVERYTHING, Rows } from '../../rtm/src/model/rows.js';
import { currentRelease, summarise } from '../../rtm/src/model/summary.js';
import { clock } from '../../rtm/src/model/text.js';
import { NOW, UDID } from '../support/builders.js';
import {
  aDeviceView,
  aFirmwareView,
  aNoticeOf,
  anUpdateView,
  aServerView,
  type Told,
  tell,
} from '../support/views.js';

const KITCHEN = aDeviceView({ update: anUpdateView('downloading', { progress: 20 }) });
const EVENT: FleetEvent = { event: 'checkout', udid: UDID, alias: 'kitchen', at: NOW };

/** Bodies of each kind as they should be. */
const RIGHT: Readonly<Record<string, { readonly id: string; readonly body: object }>> = {
  devices: { id: UDID, body: KITCHEN },
  firmware: { id: 'fw-1.1.0', body: aFirmwareView() },
  notices: { id: UDID, body: { notification: aNoticeOf() } },
  events: { id: '', body: EVENT },
  server: { id: '', body: aServerView() },
};

/** Works out all that the page shows. */
function show({ devices, firmware, notices, events }: Fleet): unknown {
  const rows = new Rows();
  const sorted = (['alias', 'version', 'lastSeen', 'update', 'online', 'platform'] as const).map((sort) =>
    rows.select(devices, { ...EVERYTHING, sort, text: 'kit' }).map(({ alias }) => alias),
  );
  return {
    sorted,
    summary: summarise(devices.values()),
    release: currentRelease(devices.values(), firmware),
    questions: groupQuestions(notices.values()),
    events: events.map((event) => `${clock(event.at)} ${new Date(event.at).toISOString()} ${event.event}`),
  };
}

function aFleet(): Fleet {
  const fleet = new Fleet();
  fleet.relisted();
  fleet.take(Object.entries(RIGHT).map(([kind, { id, body }]) => tell.raw(kind, id, JSON.stringify(body))));
  return fleet;
}

const NO_BODIES = [
  'no JSON',
  '{"udid":',
  'null',
  '0',
  '17',
  'true',
  '""',
  '"text"',
  '[]',
  '[{}]',
  '{}',
  '{"notification":null}',
  '{"notification":[]}',
  '{"notification":"x"}',
  '{"__proto__":{"udid":"x"}}',
];

describe('a message that is not what it should be', () => {
  for (const [kind, { id }] of Object.entries(RIGHT))
    it(`under ${kind} changes nothing`, () => {
      const fleet = aFleet();
      const before = show(fleet);
      for (const text of NO_BODIES) {
        fleet.take([tell.raw(kind, id, text)]);
        expect(show(fleet), text).to.deep.equal(before);
      }
      expect(fleet.server).to.deep.equal(aServerView());
    });

  const wrong: readonly [string, string, string, unknown][] = [
    ['devices', 'without its tags', 'tags', undefined],
    ['devices', 'with a tag that is no text', 'tags', [1]],
    ['devices', 'without a reason', 'why', undefined],
    ['devices', 'with a reason that is a text', 'why', 'because'],
    ['devices', 'with half a reason', 'why', { reason: 'declined' }],
    ['devices', 'without an alias', 'alias', undefined],
    ['devices', 'with another UDID than its topic', 'udid', 'other'],
    ['devices', 'last seen at no time', 'lastSeen', 'yesterday'],
    ['devices', 'created at a number', 'createdAt', NOW],
    ['devices', 'neither online nor offline', 'online', null],
    ['devices', 'with a version that is a number', 'version', 1],
    ['devices', 'with no word about an update', 'update', undefined],
    ['devices', 'with an update that is a list', 'update', []],
    ['devices', 'in a state that there is not', 'update', { ...anUpdateView('asked'), state: 'lost' }],
    ['devices', 'in a state of all objects', 'update', { ...anUpdateView('asked'), state: 'toString' }],
    ['devices', 'too far', 'update', anUpdateView('downloading', { progress: 101 })],
    ['devices', 'with no progress', 'update', { ...anUpdateView('downloading'), progress: null }],
    ['devices', 'with an update since no time', 'update', anUpdateView('installed', { since: '' })],
    ['firmware', 'without an id', 'id', undefined],
    ['firmware', 'published at no time', 'createdAt', 'x'],
    ['firmware', 'without files', 'files', null],
    ['firmware', 'signed by nobody', 'signature', {}],
    ['firmware', 'with a signature that is none', 'signature', 'ann'],
    ['firmware', 'with a file that is none', 'files', [null]],
    ['firmware', 'with no size', 'size', '300000'],
    ['events', 'without a name', 'event', undefined],
    ['events', 'without a time', 'at', undefined],
    ['events', 'at a time past all dates', 'at', 1e300],
    ['events', 'at an ISO time', 'at', '2026-11-28T00:00:00.000Z'],
    ['events', 'with a device that is a number', 'udid', 7],
    ['events', 'with progress that is a text', 'progress', '10'],
    ['events', 'with progress below nothing', 'progress', -1],
    ['server', 'with no limit', 'maxUploadBytes', null],
    ['server', 'with a port that is a text', 'mqttPort', '1883'],
  ];
  for (const [kind, what, name, value] of wrong)
    it(`${kind} ${what} changes nothing`, () => {
      const { id, body } = RIGHT[kind] ?? { id: '', body: {} };
      const fleet = aFleet();
      const before = show(fleet);
      fleet.take([tell.raw(kind, id, JSON.stringify({ ...body, [name]: value }))]);
      expect(show(fleet)).to.deep.equal(before);
      expect(fleet.server).to.deep.equal(aServerView());
      expect(fleet.devices.get(UDID)).to.deep.equal(KITCHEN);
      expect(fleet.firmware.get('fw-1.1.0')).to.deep.equal(aFirmwareView());
    });

  it('notices about another device than their topic, or without a version, change nothing', () => {
    for (const notice of [aNoticeOf('other'), { ...aNoticeOf(), version: null }, { nid: UDID }]) {
      const fleet = aFleet();
      fleet.take([tell.raw('notices', UDID, JSON.stringify({ notification: notice }))]);
      expect(fleet.notices.get(UDID)).to.deep.equal(aNoticeOf());
    }
  });

  it('does not take away in a listing what it is about, and the listing ends all the same', () => {
    const fleet = aFleet();
    fleet.relisted();
    fleet.take([tell.raw('devices', UDID, '{}'), tell.raw('server', '', '{}')]);
    expect([...fleet.devices.keys()]).to.deep.equal([UDID]);
    expect(fleet.firmware.size).to.equal(0);
    expect(fleet.server).to.deep.equal(aServerView());
  });

  it('is followed by others of the same batch', () => {
    const fleet = new Fleet();
    fleet.take([tell.raw('devices', UDID, 'null'), tell.device(KITCHEN), tell.server()]);
    expect(fleet.devices.size).to.equal(1);
    expect(fleet.complete).to.equal(true);
  });

  it('never breaks the page, whatever it says', () => {
    const kind = fc.constantFrom(...Object.keys(RIGHT));
    /** A right body of which one field is something else. */
    const spoilt = kind.chain((name): fc.Arbitrary<Told> => {
      const { id, body } = RIGHT[name] ?? { id: '', body: {} };
      return fc
        .tuple(fc.constantFrom(...Object.keys(body)), fc.jsonValue())
        .map(([field, value]) => tell.raw(name, id, JSON.stringify({ ...body, [field]: value })));
    });
    const any = fc
      .tuple(kind, fc.constantFrom(UDID, '', 'fw-1.1.0', '__proto__'), fc.oneof(fc.string(), fc.json()))
      .map(([name, id, text]) => tell.raw(name, id, text));
    fc.assert(
      fc.property(fc.array(fc.oneof(spoilt, any), { maxLength: 8 }), (messages) => {
        const fleet = aFleet();
        fleet.take(messages);
        show(fleet);
      }),
      { numRuns: 500 },
    );
  });
});
