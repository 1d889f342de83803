import { expect } from 'chai';
import fc from 'fast-check';
import type { Device } from '../../core/device.js';
import { installed, offered } from '../../core/update.js';
import { aDevice, aFirmware, NOW, OTHER_OWNER, OTHER_UDID, UDID } from '../support/builders.js';
import { auto, decide, decisions } from '../support/decisions.js';

const v11 = aFirmware({ version: '1.1.0' });
const v12 = aFirmware({ version: '1.2.0' });

describe('decideUpdate: which firmware (wire.md 7)', () => {
  const forUdid = { udid: UDID, platform: undefined, chip: undefined };
  decisions([
    ['no firmware at all', auto(), [], 'no_firmware'],
    ["only another owner's", auto(), [aFirmware({ owner: OTHER_OWNER })], 'no_firmware'],
    ['only for another device', auto(), [aFirmware({ udid: OTHER_UDID })], 'no_firmware'],
    ['newer', auto(), [v11], 'offer fw-1.1.0 auto'],
    [
      'several newer: the newest, in whatever order',
      auto(),
      [v11, v12, aFirmware({ version: '1.0.1' })],
      'offer fw-1.2.0 auto',
    ],
    [
      '1.10 is newer than 1.9',
      auto({ version: '1.9' }),
      [aFirmware({ version: '1.10' })],
      'offer fw-1.10 auto',
    ],
    [
      'a pre-release of what it runs',
      auto({ version: '1.1.0' }),
      [aFirmware({ version: '1.1.0-rc.1' })],
      'device_newer',
    ],
    ['the same', auto({ version: '1.1.0' }), [v11], 'already_newest'],
    ['the same, written otherwise', auto({ version: 'app:v1.1' }), [v11], 'already_newest'],
    ['a device newer than the firmware', auto({ version: '2.0.0' }), [v11, v12], 'device_newer'],
    [
      'a device that told no version counts as older',
      auto({ version: undefined }),
      [v11],
      'offer fw-1.1.0 auto',
    ],
    ['a device whose version cannot be read', auto({ version: 'latest' }), [v11], 'offer fw-1.1.0 auto'],
    [
      'sigfox',
      auto({ platform: 'sigfox' }),
      [aFirmware({ platform: 'sigfox', chip: undefined })],
      'platform_unknown',
    ],
    [
      'unknown',
      auto({ platform: 'unknown' }),
      [aFirmware({ platform: 'unknown', chip: undefined })],
      'platform_unknown',
    ],
    ['no platform', auto({ platform: undefined }), [v11], 'platform_unknown'],
    ['sigfox, own UDID', auto({ platform: 'sigfox' }), [aFirmware(forUdid)], 'offer fw-1.1.0 auto'],
    ['no platform, own UDID', auto({ platform: undefined }), [aFirmware(forUdid)], 'offer fw-1.1.0 auto'],
    ['another platform', auto(), [aFirmware({ platform: 'nodemcu', chip: undefined })], 'other_platform'],
    [
      'another chip of the platform',
      auto(),
      [aFirmware({ platform: 'arduino:esp32', chip: 'esp32' })],
      'other_platform',
    ],
    [
      'a platform without a chip',
      auto(),
      [aFirmware({ platform: 'arduino', chip: undefined })],
      'offer fw-1.1.0 auto',
    ],
    ['tags it lacks', auto({ tags: ['lab'] }), [aFirmware({ tags: ['lab', 'beta'] })], 'other_tags'],
    ['tags it has', auto({ tags: ['beta', 'lab'] }), [aFirmware({ tags: ['lab'] })], 'offer fw-1.1.0 auto'],
    ['an image of another chip', auto(), [aFirmware({ platform: 'arduino', chip: 'esp32' })], 'other_chip'],
    ['an image of another chip, own UDID', auto(), [aFirmware({ ...forUdid, chip: 'esp32' })], 'other_chip'],
    [
      'a newer one for another chip is passed over',
      auto(),
      [v11, aFirmware({ version: '3.0.0', platform: 'arduino', chip: 'esp32' })],
      'offer fw-1.1.0 auto',
    ],
    ['not released', auto(), [aFirmware({ rollout: 'none' })], 'not_released'],
    [
      'a released one below one that is not',
      auto(),
      [v11, aFirmware({ version: '1.2.0', rollout: 'none' })],
      'offer fw-1.1.0 auto',
    ],
    ['larger than the free space', auto({ freeSpace: 299_999 }), [v11], 'image_too_large'],
    ['as large as the free space', auto({ freeSpace: 300_000 }), [v11], 'offer fw-1.1.0 auto'],
    ['too large: the owner need not be asked', aDevice({ freeSpace: 1 }), [v11], 'image_too_large'],
    [
      'one version for all and for this device',
      auto(),
      [aFirmware({ ...forUdid, id: 'own', createdAt: 0 }), v11],
      'offer own auto',
    ],
    [
      'one version twice: the later upload',
      auto(),
      [aFirmware({ id: 'a', createdAt: 1 }), aFirmware({ id: 'b', createdAt: 2 })],
      'offer b auto',
    ],
  ]);

  it('names the firmware a reason is about', () => {
    expect(decide(auto({ version: '2.0.0' }), v11, v12)).to.deep.equal({
      kind: 'none',
      reason: 'device_newer',
      firmware: v12,
      until: undefined,
    });
  });

  it('does not depend on the order of the firmware, and never offers what is not newer or not its own', () => {
    const some = fc.record({
      version: fc.constantFrom('0.9', '1.0.0', '1.1.0', '1.2.0-rc.1', '1.2.0'),
      owner: fc.constantFrom(v11.owner, OTHER_OWNER),
      platform: fc.constantFrom('arduino:esp8266', 'arduino', 'nodemcu'),
      rollout: fc.constantFrom('all-at-once' as const, 'none' as const),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 6 }), (changes) => {
        const all = changes.map((change, i) => aFirmware({ ...change, id: `fw-${i}`, createdAt: i }));
        const decision = decide(auto({ version: '1.1.0' }), ...all);
        expect(decide(auto({ version: '1.1.0' }), ...all.reverse())).to.deep.equal(decision);
        if (decision.kind !== 'offer') return;
        expect(decision.firmware.version).to.match(/^1\.2/);
        expect(decision.firmware).to.include({ owner: v11.owner, rollout: 'all-at-once' });
        expect(decision.firmware.platform).to.match(/^arduino/);
      }),
    );
  });
});

describe('decideUpdate: the same version in another build (wire.md 7)', () => {
  const same = (envHash: string | undefined, change: Partial<Device> = {}) =>
    auto({ version: '1.1.0', envHash, ...change });
  const built = aFirmware({ envHash: 'feed01' });
  decisions([
    ['env_hash differs', same('beef02'), [built], 'offer fw-1.1.0 auto'],
    ['env_hash differs, no consent', same('beef02', { autoUpdate: false }), [built], 'ask fw-1.1.0'],
    ['env_hash equals', same('feed01'), [built], 'already_newest'],
    ['env_hash begins with cafebabe', same('cafebabe02'), [built], 'already_newest'],
    ['env_hash holds cafebabe further on', same('00cafebabe'), [built], 'offer fw-1.1.0 auto'],
    ['no env_hash told', same(undefined), [built], 'already_newest'],
    [
      'an older firmware with another env_hash',
      same('beef02', { version: '2.0.0' }),
      [built],
      'device_newer',
    ],
    [
      'env_hash still differs after this very build was installed',
      same('beef02', { update: installed(offered(undefined, built, '1.0.0', 'auto', 't', NOW), NOW) }),
      [built],
      'already_newest',
    ],
  ]);
});
