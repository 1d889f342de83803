import { expect } from 'chai';
import { Fleet } from '../../rtm/src/model/fleet.js';
import type { UpdateState } from '../../rtm/src/model/nouns.js';
import { NOW, UDID } from '../support/builders.js';
import { aDeviceView, anUpdateView, at, tell } from '../support/views.js';

describe('how far a download is', () => {
  let fleet: Fleet;
  beforeEach(() => {
    fleet = new Fleet();
  });

  const state = (name: UpdateState, change: Parameters<typeof anUpdateView>[1] = {}): void =>
    fleet.take([tell.device(aDeviceView({ update: anUpdateView(name, change) }))]);
  const step = (progress: number, version = '1.1.0', udid = UDID): void =>
    fleet.take([tell.event({ event: 'downloading', udid, version, progress, at: NOW })]);
  const shown = (): string => {
    const update = fleet.devices.get(UDID)?.update;
    return `${update?.state} ${update?.progress}`;
  };

  it('is told by events between two states, which are no news of their own', () => {
    state('downloading');
    step(10);
    expect(shown()).to.equal('downloading 10');
    step(50);
    expect(shown()).to.equal('downloading 50');
    state('downloading', { progress: 60 });
    expect(shown()).to.equal('downloading 60');
    state('downloaded', { progress: 100 });
    expect(shown()).to.equal('downloaded 100');
    expect(fleet.events).to.deep.equal([]);
  });

  it('that a download began is news', () => {
    state('downloading');
    fleet.take([tell.event({ event: 'downloading', udid: UDID, version: '1.1.0', firmware: 'fw', at: NOW })]);
    expect(fleet.events).to.have.length(1);
    expect(shown()).to.equal('downloading 0');
  });

  it('alters no record: who has shown it before shows it still', () => {
    state('downloading');
    const before = fleet.devices.get(UDID);
    step(10);
    expect(before?.update?.progress).to.equal(0);
    expect(fleet.devices.get(UDID)).not.to.equal(before);
  });

  for (const name of ['downloaded', 'installed', 'failed', 'offered', 'withdrawn'] as const)
    it(`is left alone by a step that comes after the state ${name}`, () => {
      state(name, { progress: 100 });
      step(90);
      expect(shown()).to.equal(`${name} 100`);
    });

  it('is left alone by a step of another version, or of a device that is not known', () => {
    state('downloading', { version: '1.2.0', firmware: 'fw-1.2.0' });
    step(90, '1.1.0');
    expect(shown()).to.equal('downloading 0');
    step(90, '1.2.0', 'unknown');
    expect(shown()).to.equal('downloading 0');
    expect([...fleet.devices.keys()]).to.deep.equal([UDID]);
  });

  it('does not jump back when the state comes from a node that does not send it', () => {
    state('downloading');
    step(70);
    state('downloading', { progress: 0 });
    expect(shown()).to.equal('downloading 70');
    fleet.relisted();
    state('downloading', { progress: 0 });
    expect(shown()).to.equal('downloading 70');
    state('downloading', { progress: 80 });
    expect(shown()).to.equal('downloading 80');
  });

  it('goes back where a new attempt says so', () => {
    state('downloading');
    step(70);
    step(10);
    expect(shown()).to.equal('downloading 10');
    state('downloading', { progress: 5 });
    expect(shown()).to.equal('downloading 5');
  });

  it('begins anew with another firmware, with another download of the same, and after another state', () => {
    state('downloading', { progress: 70 });
    state('downloading', { version: '1.2.0', firmware: 'fw-1.2.0' });
    expect(shown()).to.equal('downloading 0');
    state('downloading', { version: '1.2.0', firmware: 'fw-1.2.0', progress: 70 });
    state('downloading', { version: '1.2.0', firmware: 'fw-1.2.0', since: at(NOW + 1) });
    expect(shown()).to.equal('downloading 0');
    state('downloading', { progress: 70 });
    state('downloaded', { progress: 100 });
    state('downloading');
    expect(shown()).to.equal('downloading 0');
  });
});
