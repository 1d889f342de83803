import { expect } from 'chai';
import {
  isUpdatable,
  normaliseChip,
  platformMatches,
  readPlatform,
  takesFiles,
  takesImage,
} from '../../core/platform.js';

describe('platforms', () => {
  const written: [string | undefined, ReturnType<typeof readPlatform>][] = [
    ['arduino:esp8266', { updater: 'arduino', chip: 'esp8266' }],
    [' Arduino:ESP8266 ', { updater: 'arduino', chip: 'esp8266' }],
    ['platformio:esp32-s3', { updater: 'platformio', chip: 'esp32s3' }],
    ['nodemcu', { updater: 'nodemcu', chip: undefined }],
    ['arduino:', { updater: 'arduino', chip: undefined }],
    ['', undefined],
    ['  ', undefined],
    [':esp8266', undefined],
    [undefined, undefined],
  ];
  for (const [text, platform] of written) {
    it(`reads ${JSON.stringify(text)}`, () => expect(readPlatform(text)).to.deep.equal(platform));
  }

  it('takes different spellings of a chip for one chip', () => {
    const spellings = ['ESP32-S3', 'esp32_s3', 'esp32s3', 'Esp32 S3'].map(normaliseChip);
    expect(new Set(spellings)).to.deep.equal(new Set(['esp32s3']));
  });
});

describe('which devices a platform reaches (wire.md 7)', () => {
  const cases: [target: string, device: string, matches: boolean][] = [
    ['arduino:esp8266', 'arduino:esp8266', true],
    ['arduino:esp8266', 'ARDUINO:ESP8266', true],
    ['arduino:esp8266', 'arduino:esp32', false],
    ['arduino:esp8266', 'platformio:esp8266', false],
    ['arduino', 'arduino:esp8266', true],
    ['arduino:esp8266', 'arduino', true],
    ['arduino', 'arduino', true],
    ['arduino', 'nodemcu', false],
    ['esp8266', 'arduino:esp8266', false],
  ];
  for (const [target, device, matches] of cases) {
    it(`${target} is ${matches ? '' : 'not '}for a device of ${device}`, () => {
      const [left, right] = [readPlatform(target), readPlatform(device)];
      if (!left || !right) return expect.fail('both are platforms');
      expect(platformMatches(left, right)).to.equal(matches);
    });
  }

  for (const [text, updatable] of [
    ['arduino:esp8266', true],
    ['nodejs', true],
    ['sigfox', false],
    ['SIGFOX:xyz', false],
    ['unknown', false],
    ['unknown:esp8266', false],
    ['', false],
    [undefined, false],
  ] as const) {
    it(`a device of ${JSON.stringify(text)} gets ${updatable ? 'firmware' : 'no firmware'} by platform`, () => {
      expect(isUpdatable(readPlatform(text))).to.equal(updatable);
    });
  }
});

describe('what a platform takes (wire.md 4)', () => {
  for (const [text, files, image] of [
    ['nodemcu', true, false],
    ['micropython:esp32', true, false],
    ['mongoose', true, false],
    ['nodejs', true, false],
    ['arduino:esp8266', false, true],
    ['platformio:esp32', false, true],
    ['sigfox', false, false],
    [undefined, false, false],
  ] as const) {
    it(`${text}: ${files ? 'files in JSON' : image ? 'an image' : 'neither'}`, () => {
      expect(takesFiles(readPlatform(text))).to.equal(files);
      expect(takesImage(readPlatform(text))).to.equal(image);
    });
  }
});
