import { expect } from 'chai';
import type { Device } from '../../core/device.js';
import { type Firmware, type Mismatch, mismatch, sameTarget } from '../../core/firmware.js';
import { aDevice, aFirmware, OTHER_OWNER, OTHER_UDID, UDID } from '../support/builders.js';

describe('which firmware is for which device (wire.md 7)', () => {
  const own = { udid: UDID, platform: undefined, chip: undefined };
  const cases: [string, Partial<Firmware>, Partial<Device>, Mismatch | undefined][] = [
    ['its platform', {}, {}, undefined],
    ["another owner's", { owner: OTHER_OWNER }, {}, 'owner'],
    ["another owner's, even for this UDID", { ...own, owner: OTHER_OWNER }, {}, 'owner'],
    ['another chip of its platform', { platform: 'arduino:esp32', chip: 'esp32' }, {}, 'platform'],
    ['another updater', { platform: 'platformio:esp8266' }, {}, 'platform'],
    ['its platform without a chip', { platform: 'arduino', chip: undefined }, {}, undefined],
    ['its platform, the device names no chip', {}, { platform: 'arduino' }, undefined],
    ['its platform in another spelling', { platform: 'ARDUINO:ESP-8266' }, {}, undefined],
    ['sigfox', { platform: 'sigfox', chip: undefined }, { platform: 'sigfox' }, 'platform'],
    ['unknown', { platform: 'unknown', chip: undefined }, { platform: 'unknown' }, 'platform'],
    ['no platform told', {}, { platform: undefined }, 'platform'],
    ['an empty platform told', {}, { platform: '' }, 'platform'],
    ['neither platform nor UDID', { platform: undefined }, {}, 'platform'],
    ['its UDID', own, {}, undefined],
    ['its UDID, on sigfox', own, { platform: 'sigfox' }, undefined],
    ['its UDID, on unknown', own, { platform: 'unknown' }, undefined],
    ['its UDID, no platform told', own, { platform: undefined }, undefined],
    ['its UDID, named with another platform', { udid: UDID, platform: 'nodemcu' }, {}, undefined],
    ['another UDID', { ...own, udid: OTHER_UDID }, {}, 'udid'],
    ['another UDID, though its platform', { udid: OTHER_UDID }, {}, 'udid'],
    ['all its tags', { tags: ['beta', 'lab'] }, { tags: ['lab', 'x', 'beta'] }, undefined],
    ['one tag too many', { tags: ['beta', 'lab'] }, { tags: ['lab'] }, 'tags'],
    ['no tags, the device has some', {}, { tags: ['lab'] }, undefined],
    ['its UDID, but tags it lacks', { ...own, tags: ['lab'] }, {}, 'tags'],
    ['an image of another chip', { platform: 'arduino', chip: 'esp32' }, {}, 'chip'],
    [
      'an image of another chip, for its UDID',
      { ...own, chip: 'esp32s3' },
      { platform: 'arduino:esp32' },
      'chip',
    ],
    [
      'an image of the same chip, spelt otherwise',
      { ...own, chip: 'esp32s3' },
      { platform: 'arduino:ESP32-S3' },
      undefined,
    ],
    ['an image of an unknown chip', { chip: undefined }, {}, undefined],
    [
      'an image of a chip, the device names none',
      { ...own, chip: 'esp32' },
      { platform: 'arduino' },
      undefined,
    ],
  ];
  for (const [name, firmware, device, expected] of cases) {
    it(`${name}: ${expected ? `no, ${expected}` : 'yes'}`, () => {
      expect(mismatch(aFirmware(firmware), aDevice(device))).to.equal(expected);
    });
  }
});

describe('the same target (issue 2, 3)', () => {
  const cases: [string, Partial<Firmware>, Partial<Firmware>, boolean][] = [
    ['the same platform', {}, { id: 'x', sha256: 'y', version: '9.0.0' }, true],
    ['the platform in another case', {}, { platform: 'Arduino:ESP8266' }, true],
    ['one chip in two spellings', { platform: 'arduino:esp32-s3' }, { platform: 'arduino:esp32s3' }, true],
    ['tags in another order', { tags: ['a', 'b'] }, { tags: ['b', 'a'] }, true],
    ['another platform', {}, { platform: 'arduino:esp32' }, false],
    ['one device of it', {}, { udid: UDID }, false],
    ['other tags', {}, { tags: ['a'] }, false],
    ['tags that only read alike', { tags: ['a,b'] }, { tags: ['a', 'b'] }, false],
    ['another owner', {}, { owner: OTHER_OWNER }, false],
  ];
  for (const [name, a, b, same] of cases) {
    it(`${name}: ${same}`, () => expect(sameTarget(aFirmware(a), aFirmware(b))).to.equal(same));
  }
});
