import { expect } from 'chai';
import { arrived, decidesAlike, sameGround } from '../../core/arrival.js';
import type { CheckIn } from '../../core/checkin.js';
import type { Device } from '../../core/device.js';
import { asked } from '../../core/update.js';
import { aCheckIn, aDevice, aFirmware, NOW, OTHER_OWNER, OTHER_UDID } from '../support/builders.js';

/**
 * For every member of a record: another value, and whether a check-in that brings it has to be stored before it is
 * answered. `kept` are those that no check-in changes. A new member does not compile until somebody has decided.
 */
const MEMBERS: { [Name in keyof Device]: readonly ['decisive' | 'idle' | 'kept', Device[Name]] } = {
  owner: ['kept', OTHER_OWNER],
  udid: ['kept', OTHER_UDID],
  mac: ['decisive', 'A0B1C2D3E4F5'],
  alias: ['decisive', 'cellar'],
  platform: ['decisive', 'arduino:esp32'],
  version: ['decisive', '2.0.0'],
  firmware: ['idle', 'my-app:2.0.0'],
  commit: ['idle', 'abc'],
  envHash: ['decisive', 'cafebabe01'],
  status: ['idle', 'OK'],
  rssi: ['idle', '-70'],
  lat: ['idle', '1.00'],
  lon: ['idle', '1.00'],
  freeSpace: ['decisive', 1000],
  autoUpdate: ['decisive', true],
  introduced: ['decisive', false],
  tags: ['kept', ['beta']],
  createdAt: ['kept', NOW],
  lastSeen: ['idle', NOW],
  declined: ['kept', ['1.1.0']],
  signer: ['decisive', '0123456789abcdef'],
  sequence: ['decisive', 7],
  update: ['decisive', asked(undefined, aFirmware(), '1.0.0', NOW)],
  grant: ['kept', { rollout: 'r', firmware: 'f', stage: 0, at: NOW, installedAt: undefined, returns: 0 }],
  rhythm: ['idle', { silence: 1000, between: undefined, returnedAt: NOW }],
  quarantine: ['kept', { at: NOW, firmware: 'f', reason: 'it failed' }],
};
const names = Object.keys(MEMBERS) as (keyof Device)[];

describe('two records of a device, before and after a check-in', () => {
  it('are told apart by members that are all known here', () => {
    expect(names.toSorted()).to.deep.equal(Object.keys(aDevice()).toSorted());
    expect(names.toSorted()).to.deep.equal(Object.keys(arrived(aDevice(), aCheckIn(), NOW)).toSorted());
  });

  for (const name of names) {
    const [kind, value] = MEMBERS[name];
    const changed = { ...aDevice(), [name]: value };
    if (kind === 'kept')
      it(`never differ in ${name}`, () => {
        expect(arrived(changed, everything, NOW + 1)[name]).to.deep.equal(value);
        expect(arrived(changed, {}, NOW + 1)[name]).to.deep.equal(value);
      });
    else
      it(`decide ${kind === 'idle' ? 'alike' : 'differently'} if they differ in ${name}`, () => {
        expect(decidesAlike(aDevice(), changed)).to.equal(kind === 'idle');
        expect(decidesAlike(changed, aDevice())).to.equal(kind === 'idle');
      });
  }

  it('decide alike after the same check-in a second time, also while an update is open', () => {
    const device = aDevice({ update: asked(undefined, aFirmware(), '1.0.0', NOW) });
    const once = arrived(device, aCheckIn(), NOW);
    expect(decidesAlike(once, arrived(once, aCheckIn({ rssi: '-70' }), NOW + 1))).to.equal(true);
  });
});

describe('two records of a device, of which a decision was taken on one', () => {
  /** What no check-in changes, and yet decides. */
  const ALSO: readonly (keyof Device)[] = ['tags', 'declined', 'grant', 'quarantine'];

  for (const name of names) {
    const [kind, value] = MEMBERS[name];
    const holds = kind !== 'decisive' && !ALSO.includes(name);
    it(`that differ in ${name} are ${holds ? '' : 'not '}the same ground`, () => {
      const changed = { ...aDevice(), [name]: value };
      expect(sameGround(aDevice(), changed)).to.equal(holds);
      expect(sameGround(changed, aDevice())).to.equal(holds);
    });
  }

  it('are the same ground when one was read anew', () => {
    const update = asked(undefined, aFirmware(), '1.0.0', NOW);
    const device = aDevice({ update, tags: ['a', 'b'], declined: ['1.0.9', '1.0.8'] });
    expect(sameGround(device, structuredClone(device))).to.equal(true);
  });

  it('are not when the update, the tags or the declined versions differ in anything', () => {
    const update = asked(undefined, aFirmware(), '1.0.0', NOW);
    const device = aDevice({ update, tags: ['a', 'b'], declined: ['1.0.9', '1.0.8'] });
    for (const change of [
      { update: { ...update, state: 'approved' as const } },
      { update: { ...update, token: 'new' } },
      { update: { ...update, postponedUntil: NOW } },
      { tags: ['b', 'a'] },
      { tags: ['a'] },
      { tags: ['a', 'b', 'c'] },
      { declined: ['1.0.9'] },
      { declined: ['1.0.9', '1.0.7'] },
    ]) {
      expect(sameGround(device, { ...device, ...change })).to.equal(false);
      expect(sameGround({ ...device, ...change }, device)).to.equal(false);
    }
  });
});

/** A check-in that tells all there is to tell. */
const everything: Required<CheckIn> = {
  mac: 'A0B1C2D3E4F5',
  udid: '11111111-7425-40de-944b-e07fc1f90ae7',
  owner: 'c3'.repeat(32),
  alias: 'attic',
  platform: 'arduino:esp32',
  version: '3.0.0',
  firmware: 'my-app:3.0.0',
  commit: 'def',
  envHash: 'cafebabe02',
  status: 'Wrong MD5',
  rssi: '-80',
  lat: '2.00',
  lon: '2.00',
  fcid: '1',
  autoUpdate: true,
};
