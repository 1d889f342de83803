import { expect } from 'chai';
import { cameBack, countReturn, isWatched } from '../../../core/rollouts/returns.js';
import { aDevice, HOUR, MINUTE, NOW } from '../../support/builders.js';
import { aGrant } from '../../support/staged-rollout.js';

const WEEK = 7 * 24 * HOUR;
const LONG_AGO = NOW - WEEK;

describe('returns of a device', () => {
  it('teach how long it is usually silent; a short silence is none', () => {
    const away = (ms: number) => cameBack(aDevice({ lastSeen: NOW - ms }), NOW, LONG_AGO).rhythm?.silence;
    expect([away(10 * MINUTE), away(59_000)]).to.deep.equal([10 * MINUTE, undefined]);
  });

  it('of one that was there while the server was down teach no more than since it listens again', () => {
    const device = aDevice({ lastSeen: NOW - 72 * HOUR });
    expect(cameBack(device, NOW, NOW - 2 * MINUTE).rhythm?.silence).to.equal(2 * MINUTE);
    expect(cameBack(device, NOW, NOW).rhythm).to.equal(undefined);
  });

  it('teach nothing under new firmware, and are counted instead, for a week', () => {
    const grant = aGrant({ at: NOW - HOUR, installedAt: NOW - HOUR });
    const device = aDevice({ lastSeen: NOW - 30 * MINUTE, grant });
    expect(isWatched(device, NOW)).to.equal(true);
    expect(cameBack(device, NOW, LONG_AGO)).to.equal(device);
    expect(countReturn(device, NOW).grant?.returns).to.equal(1);
    const later = NOW + WEEK;
    expect([isWatched(device, later), countReturn(device, later)]).to.deep.equal([false, device]);
    expect(cameBack(device, later, LONG_AGO).rhythm?.silence).to.equal(WEEK + 30 * MINUTE);
  });

  it('are not counted before it has come back with the firmware', () => {
    const device = aDevice({ grant: aGrant({ at: NOW, installedAt: undefined }) });
    expect(countReturn(device, NOW)).to.equal(device);
  });
});
