import { expect } from 'chai';
import fc from 'fast-check';
import { NO_VERSION } from '../../rtm/src/model/rows.js';
import { statusOf } from '../../rtm/src/model/status.js';
import { currentRelease, summarise } from '../../rtm/src/model/summary.js';
import { compareVersions } from '../../rtm/src/model/version.js';
import { anyDevice } from '../support/arbitrary-views.js';
import { HOUR, NOW } from '../support/builders.js';
import { aDeviceView, aFirmwareView, anUpdateView, at } from '../support/views.js';

describe('the fleet in numbers', () => {
  it('is nothing at first', () => {
    const none = { all: 0, online: 0, offline: 0, asks: 0, updating: 0, failed: 0 };
    expect(summarise([])).to.deep.equal({ ...none, versions: [], platforms: [], tags: [] });
  });

  it('names versions, the most frequent first and the newer first of two', () => {
    const versions = ['1.9.0', '1.10.0-rc.1', '1.10.0', null, '1.9.0', null, '1.9.0', '0.1'];
    expect(summarise(versions.map((version) => aDeviceView({ version }))).versions).to.deep.equal([
      { name: '1.9.0', count: 3 },
      { name: NO_VERSION, count: 2 },
      { name: '1.10.0', count: 1 },
      { name: '1.10.0-rc.1', count: 1 },
      { name: '0.1', count: 1 },
    ]);
  });

  it('names platforms and tags once each, in order', () => {
    const { platforms, tags } = summarise([
      aDeviceView({ platform: 'micropython', tags: ['floor 10', 'floor 9'] }),
      aDeviceView({ platform: 'arduino:esp32', tags: ['floor 9'] }),
      aDeviceView({ platform: null }),
      aDeviceView({ platform: 'micropython' }),
    ]);
    expect(platforms).to.deep.equal(['arduino:esp32', 'micropython']);
    expect(tags).to.deep.equal(['floor 9', 'floor 10']);
  });

  it('agrees with counting one by one', () => {
    fc.assert(
      fc.property(fc.array(anyDevice, { maxLength: 40 }), (devices) => {
        const summary = summarise(devices);
        expect(summary.all).to.equal(devices.length);
        expect(summary.online).to.equal(devices.filter(({ online }) => online).length);
        expect(summary.offline).to.equal(devices.filter(({ online }) => !online).length);
        for (const status of ['asks', 'updating', 'failed'] as const)
          expect(summary[status]).to.equal(devices.filter((device) => statusOf(device) === status).length);
        const named = new Set(devices.map(({ version }) => version ?? NO_VERSION));
        expect(new Set(summary.versions.map(({ name }) => name))).to.deep.equal(named);
        for (const { name, count } of summary.versions)
          expect(count).to.equal(devices.filter(({ version }) => (version ?? NO_VERSION) === name).length);
        for (const [i, share] of summary.versions.slice(1).entries()) {
          const before = summary.versions[i];
          if (!before) throw new Error('no share before');
          expect(before.count >= share.count).to.equal(true);
          if (before.count === share.count)
            expect(compareVersions(before.name, share.name)).to.be.at.least(0);
        }
        expect(summary.platforms).to.have.members([
          ...new Set(devices.flatMap(({ platform }) => (platform === null ? [] : [platform]))),
        ]);
        expect(summary.tags).to.have.members([...new Set(devices.flatMap(({ tags }) => tags))]);
      }),
    );
  });
});

describe('the release that is under way', () => {
  const firmware = (...views: ReturnType<typeof aFirmwareView>[]) =>
    new Map(views.map((view) => [view.id, view]));
  const old = aFirmwareView({ version: '1.0.0', createdAt: at(NOW - HOUR) });
  const next = aFirmwareView({ version: '1.1.0' });
  let made = 0;
  const device = (...update: Parameters<typeof anUpdateView>) =>
    aDeviceView({ udid: `device-${made++}`, update: anUpdateView(...update) });
  const has = (id: string) => ({ firmware: id });

  it('is none where nothing was published, or nothing concerns a device', () => {
    expect(currentRelease([], firmware())).to.equal(undefined);
    expect(currentRelease([aDeviceView()], firmware(old, next))).to.equal(undefined);
    expect(currentRelease([device('offered', has('gone'))], firmware(old))).to.equal(undefined);
  });

  it('is the one published last of those that concern a device', () => {
    const unheard = aFirmwareView({ version: '3.0.0', createdAt: at(NOW + HOUR) });
    // The order of time decides, not that of versions or of arrival.
    const late = aFirmwareView({ version: '0.9.0', createdAt: at(NOW + 1) });
    const devices = [device('installed', has(next.id)), device('offered', has(old.id))];
    for (const all of [firmware(old, next, unheard), firmware(unheard, next, old)])
      expect(currentRelease(devices, all)?.version).to.equal('1.1.0');
    const more = [...devices, device('offered', has(late.id))];
    expect(currentRelease(more, firmware(late, old, next))?.version).to.equal('0.9.0');
  });

  it('is not one that was withdrawn: the one before is told then', () => {
    const devices = [device('withdrawn', has(next.id)), device('installed', has(old.id))];
    expect(currentRelease(devices, firmware(old))).to.include({ version: '1.0.0', devices: 1 });
  });

  it('says how many devices are how far, and when they came back', () => {
    const release = currentRelease(
      [
        device('installed', { progress: 100, since: at(NOW + 9000) }),
        device('downloading', { progress: 50 }),
        device('installed', { progress: 100, since: at(NOW + 5000) }),
        device('failed'),
        device('installed', { ...has(old.id), progress: 100 }),
        aDeviceView(),
      ],
      firmware(old, next),
    );
    expect(release).to.deep.equal({
      version: '1.1.0',
      devices: 4,
      states: { installed: 2, downloading: 1, failed: 1 },
      progress: 62.5,
      installedAt: [NOW + 5000, NOW + 9000],
      since: NOW,
    });
  });

  it('is one for all platforms for which the version was published', () => {
    const esp32 = { ...next, id: 'fw-esp32', platform: 'arduino:esp32', createdAt: at(NOW + 1000) };
    const devices = [
      device('installed', { progress: 100 }),
      device('downloading', { firmware: esp32.id, progress: 50 }),
    ];
    expect(currentRelease(devices, firmware(next, esp32))).to.deep.include({
      version: '1.1.0',
      devices: 2,
      states: { installed: 1, downloading: 1 },
      progress: 75,
      since: NOW,
    });
    // What was withdrawn of it is no part of it.
    expect(currentRelease(devices, firmware(next))).to.include({ devices: 1, progress: 100 });
    expect(currentRelease(devices, firmware(esp32))).to.include({ devices: 1, since: NOW + 1000 });
  });

  it('is the same one of two that were published at once, whatever comes first', () => {
    const other = aFirmwareView({ version: '1.2.0' });
    const devices = [device('offered', has(next.id)), device('offered', has(other.id))];
    const found = [devices, devices.toReversed()].flatMap((all) =>
      [firmware(next, other), firmware(other, next)].map((each) => currentRelease(all, each)?.version),
    );
    expect(new Set(found).size).to.equal(1);
  });
});
