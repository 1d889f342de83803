import { expect } from 'chai';
import fc from 'fast-check';
import type { Device } from '../../../core/device.js';
import type { Firmware } from '../../../core/firmware.js';
import { type EntityState, entityState } from '../../../core/home-assistant/state.js';
import {
  approved,
  asked,
  attemptFailed,
  declined,
  downloaded,
  downloading,
  gaveUp,
  installed,
  offered,
  ordered,
  postponed,
  type Update,
  withdrawn,
} from '../../../core/update.js';
import { aDevice, aFirmware, HOUR, NOW } from '../../support/builders.js';
import { auto, decide } from '../../support/decisions.js';
import { stateFaults } from '../../support/home-assistant.js';

const FIRMWARE = aFirmware({ notes: 'Fewer restarts.' });
const question = asked(undefined, FIRMWARE, '1.0.0', NOW);
const offer = offered(undefined, FIRMWARE, '1.0.0', 'auto', 'token', NOW);
const fetching = downloading(offer, NOW);
const fetched = downloaded(fetching, NOW);
const failedOnce = attemptFailed(fetching, 'Wrong MD5', NOW);

const shown = (
  device: Device,
  all: readonly Firmware[] = [FIRMWARE],
  progress?: number,
  online = true,
): EntityState => {
  const state = entityState(device, decide(device, ...all), { online, progress });
  expect(stateFaults(JSON.stringify(state))).to.deep.equal([]);
  return state;
};

interface Row {
  readonly device: Device;
  readonly all?: readonly Firmware[];
  readonly progress?: number;
  readonly latest: string | undefined;
  readonly percentage?: number | null;
  readonly isUnderWay?: boolean;
  readonly summary: RegExp;
}

const auto1 = (update: Update, change: Partial<Device> = {}): Device => auto({ update, ...change });

/** Every state of docs/update-states.md, and every reason why nothing is done; installed is 1.0.0 everywhere. */
const ROWS: Record<string, Row> = {
  'no firmware': { device: aDevice(), all: [], latest: '1.0.0', summary: /No firmware has been published/ },
  'nothing newer': {
    device: aDevice(),
    all: [aFirmware({ version: '1.0.0' })],
    latest: '1.0.0',
    summary: /already newest/,
  },
  'the same version, written otherwise': {
    device: aDevice({ version: '1.0.0' }),
    all: [aFirmware({ version: 'v1.0' })],
    latest: '1.0.0',
    summary: /already newest/,
  },
  'older firmware': {
    device: aDevice(),
    all: [aFirmware({ version: '0.9.0' })],
    latest: '1.0.0',
    summary: /newer than the newest/,
  },
  'firmware that is not released': {
    device: aDevice(),
    all: [aFirmware({ rollout: 'none' })],
    latest: '1.0.0',
    summary: /not released/,
  },
  'firmware for another platform': {
    device: aDevice(),
    all: [aFirmware({ platform: 'arduino:esp32', chip: undefined })],
    latest: '1.0.0',
    summary: /platform/,
  },
  'not yet asked': { device: aDevice(), latest: '1.1.0', summary: /^Fewer restarts/ },
  asked: { device: aDevice({ update: question }), latest: '1.1.0', summary: /^Fewer restarts/ },
  'asked, without notes': {
    device: aDevice({ update: question }),
    all: [aFirmware()],
    latest: '1.1.0',
    summary: /1\.1\.0 waits for your approval/,
  },
  postponed: {
    device: aDevice({ update: postponed(question, NOW + HOUR) }),
    latest: '1.1.0',
    summary: /asked again about 1\.1\.0/,
  },
  declined: {
    device: aDevice({ update: declined(question, NOW), declined: ['1.1.0'] }),
    latest: '1.1.0',
    summary: /You declined 1\.1\.0/,
  },
  'approved and not told yet': {
    device: aDevice({ update: approved(question, 'approved', NOW) }),
    all: [aFirmware()],
    latest: '1.1.0',
    summary: /may have 1\.1\.0/,
  },
  'auto update, not told yet': {
    device: auto(),
    all: [aFirmware()],
    latest: '1.1.0',
    summary: /may have 1\.1\.0/,
  },
  offered: { device: auto1(offer), latest: '1.1.0', isUnderWay: true, percentage: null, summary: /^Fewer/ },
  downloading: {
    device: auto1(fetching),
    progress: 40,
    latest: '1.1.0',
    isUnderWay: true,
    percentage: 40,
    summary: /^Fewer/,
  },
  'downloading, and a newer one came out': {
    device: auto1(fetching),
    all: [FIRMWARE, aFirmware({ version: '1.2.0' })],
    progress: 40,
    latest: '1.1.0',
    isUnderWay: true,
    percentage: 40,
    summary: /^It is downloading 1\.1\.0\.$/,
  },
  'downloading, and the connection is lost': {
    device: auto1(fetching),
    latest: '1.1.0',
    isUnderWay: true,
    percentage: null,
    summary: /^Fewer/,
  },
  downloaded: {
    device: auto1(fetched),
    latest: '1.1.0',
    isUnderWay: true,
    percentage: 100,
    summary: /^Fewer/,
  },
  'failed, to be tried again': {
    device: auto1(failedOnce),
    latest: '1.1.0',
    summary: /failed \(Wrong MD5\)/,
  },
  'failed for good': {
    device: auto1({ ...gaveUp(failedOnce, 'Wrong MD5', NOW), attempts: 3 }),
    latest: '1.1.0',
    summary: /Failed to install 1\.1\.0 3 times/,
  },
  'too large': { device: auto({ freeSpace: 1000 }), latest: '1.1.0', summary: /The image needs 293 KiB/ },
  withdrawn: {
    device: auto1(withdrawn(offer, NOW)),
    all: [],
    latest: '1.0.0',
    summary: /1\.1\.0 was withdrawn/,
  },
};

describe('the state of a Home Assistant update entity', () => {
  for (const [name, { device, all, progress, latest, summary, ...row }] of Object.entries(ROWS))
    it(`${name}: ${latest === '1.0.0' ? 'up to date' : 'update available'}${row.isUnderWay ? ', under way' : ''}`, () => {
      const state = shown(device, all, progress);
      expect(state.installed_version).to.equal('1.0.0');
      expect(state.latest_version).to.equal(latest);
      expect(state.in_progress).to.equal(row.isUnderWay ?? false);
      expect(state.update_percentage).to.equal(row.percentage ?? null);
      expect(state.release_summary).to.match(summary);
      expect(state.title).to.equal('my-app');
    });

  it('installed: up to date, whatever it took before', () => {
    const state = shown(auto1(installed(fetched, NOW), { version: '1.1.0' }));
    expect(state).to.include({ installed_version: '1.1.0', latest_version: '1.1.0', in_progress: false });
  });

  it('a device that tells no version has no installed one, and null nowhere', () => {
    const state = shown(aDevice({ version: undefined, firmware: undefined }));
    expect(state).to.not.have.property('installed_version');
    expect(state).to.include({ latest_version: '1.1.0', title: 'kitchen' });
    expect(shown(aDevice({ version: undefined }), [])).to.not.have.property('latest_version');
  });

  it('a device that took it and tells no version is not at it any more', () => {
    const state = shown(auto1(fetched, { version: undefined }));
    expect(state).to.include({ latest_version: '1.1.0', in_progress: false, update_percentage: null });
  });

  it('the same version of another build is an update: its text differs', () => {
    const device = auto({ envHash: 'aa' });
    const state = shown(device, [aFirmware({ version: '1.0.0', envHash: 'bb' })]);
    expect(state.latest_version).to.equal('1.0.0 (another build)');
  });

  it('an older version that was sent by order is shown as what it is', () => {
    const older = aFirmware({ version: '0.9.0' });
    const device = aDevice({ update: ordered(older, '1.0.0', true, NOW) });
    expect(shown(device, [FIRMWARE, older]).latest_version).to.equal('0.9.0');
  });

  it('the release has an address if its notes name one', () => {
    const withNotes = (notes: string) => shown(aDevice(), [aFirmware({ notes })]).release_url;
    expect(withNotes('See https://example.com/r/1.1.0.')).to.equal('https://example.com/r/1.1.0');
    for (const notes of ['', 'example.com/1.1.0', 'ftp://example.com', 'https://', 'javascript:alert(1)'])
      expect(withNotes(notes), notes).to.equal(undefined);
    expect(
      shown(aDevice(), [aFirmware({ version: '1.0.0', notes: 'https://example.com' })]),
    ).to.not.have.property('release_url');
  });

  it('is a message that Home Assistant takes, whatever devices and owners write', () => {
    const text = fc.string({ unit: 'binary', maxLength: 600 });
    fc.assert(
      fc.property(text, text, text, text, (alias, firmware, version, notes) => {
        const state = shown(aDevice({ alias, firmware, version }), [aFirmware({ notes })]);
        const { title, release_summary } = state;
        for (const value of [title, release_summary]) expect(value.isWellFormed()).to.equal(true);
        expect(release_summary.length).to.be.at.most(255);
      }),
    );
  });
});
