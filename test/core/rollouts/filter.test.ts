import { expect } from 'chai';
import { isCandidate, isOpenToAll, isWanted } from '../../../core/rollouts/filter.js';
import type { RolloutFilter } from '../../../core/rollouts/plan.js';
import { aDevice, aFirmware, NOW, OTHER_OWNER, OTHER_UDID, UDID } from '../../support/builders.js';

const ALL: RolloutFilter = { platform: undefined, tags: [], versions: undefined, udids: [] };
const esp = aDevice({ tags: ['lab', 'roof'] });

describe('the filter of a rollout', () => {
  const rows: [name: string, filter: Partial<RolloutFilter>, device: typeof esp, expected: boolean][] = [
    ['nothing asked', {}, esp, true],
    ['its UDID', { udids: [OTHER_UDID, UDID] }, esp, true],
    ['other UDIDs', { udids: [OTHER_UDID] }, esp, false],
    ['one of its tags', { tags: ['lab'] }, esp, true],
    ['all of its tags', { tags: ['roof', 'lab'] }, esp, true],
    ['a tag it lacks beside one it has', { tags: ['lab', 'cellar'] }, esp, false],
    ['its platform', { platform: 'arduino:esp8266' }, esp, true],
    ['its platform without the chip', { platform: 'arduino' }, esp, true],
    ['another chip', { platform: 'arduino:esp32' }, esp, false],
    ['a platform, and it told none', { platform: 'arduino' }, aDevice({ platform: undefined }), false],
    ['a range it is in', { versions: '>=1.0 <1.1' }, esp, true],
    ['a range it is not in', { versions: '>=1.1' }, esp, false],
    ['a range of exactly it', { versions: '1.0.0' }, esp, true],
    [
      'a range, and it writes its version otherwise',
      { versions: '^1.0.0' },
      aDevice({ version: 'app:v1.0' }),
      true,
    ],
    ['a pre-release within the range', { versions: '<2' }, aDevice({ version: '1.5.0-rc.1' }), true],
    ['a range, and it told no version', { versions: '*' }, aDevice({ version: undefined }), false],
    ['a range, and its version cannot be read', { versions: '*' }, aDevice({ version: 'latest' }), false],
    ['no range, and it told no version', {}, aDevice({ version: undefined }), true],
    ['all of them hold', { udids: [UDID], tags: ['lab'], platform: 'arduino', versions: '1' }, esp, true],
    ['all but one hold', { udids: [UDID], tags: ['lab'], platform: 'arduino', versions: '2' }, esp, false],
  ];
  for (const [name, filter, device, expected] of rows)
    it(`${name}: ${expected ? 'wanted' : 'not wanted'}`, () =>
      expect(isWanted({ ...ALL, ...filter }, device)).to.equal(expected));

  for (const [name, filter, expected] of [
    ['nothing asked', {}, true],
    ['platform', { platform: 'arduino' }, false],
    ['tags', { tags: ['lab'] }, false],
    ['versions', { versions: '*' }, false],
    ['udids', { udids: [UDID] }, false],
  ] as const)
    it(`${name}: ${expected ? 'open to all' : 'not open to all'}`, () =>
      expect(isOpenToAll({ ...ALL, ...filter })).to.equal(expected));
});

describe('who could be let into a rollout', () => {
  const v11 = aFirmware({ rollout: 'none' });
  const quarantine = { at: NOW, firmware: 'fw-1.1.0', reason: 'it loops' };
  const rows: [name: string, device: typeof esp, expected: boolean][] = [
    ['an older device', aDevice(), true],
    ['a device whose auto update is off or on', aDevice({ autoUpdate: true }), true],
    ['one that has it', aDevice({ version: '1.1.0' }), false],
    ['one that has it, written otherwise', aDevice({ version: 'v1.1' }), false],
    ['a newer one', aDevice({ version: '1.2.0' }), false],
    ['one of another platform', aDevice({ platform: 'arduino:esp32' }), false],
    ["another owner's", aDevice({ owner: OTHER_OWNER }), false],
    ['one set aside', aDevice({ quarantine }), false],
    ['one whose owner said no to it', aDevice({ declined: ['1.1'] }), false],
    ['one whose owner said no to another', aDevice({ declined: ['1.0.5'] }), true],
  ];
  for (const [name, device, expected] of rows)
    it(`${name}: ${expected ? 'yes' : 'no'}`, () => expect(isCandidate(v11, ALL, device)).to.equal(expected));

  it('one that the filter does not want: no', () =>
    expect(isCandidate(v11, { ...ALL, tags: ['lab'] }, aDevice())).to.equal(false));
  it('one that lacks the tags of the firmware: no', () =>
    expect(isCandidate(aFirmware({ tags: ['lab'] }), ALL, aDevice())).to.equal(false));
});
