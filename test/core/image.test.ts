import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { FirmwireError } from '../../core/errors.js';
import { IMAGE_HEAD_BYTES, inspectImage } from '../../core/image.js';
import { readPlatform } from '../../core/platform.js';

/** What the server would see of an image: its first bytes. */
const inspect = (image: Uint8Array, platform: string | undefined) =>
  inspectImage(image.subarray(0, IMAGE_HEAD_BYTES), readPlatform(platform));

const image = (firstByte: number, rest: Uint8Array = randomBytes(9000)): Buffer =>
  Buffer.concat([Buffer.of(firstByte), rest]);

/** An image with the extended header of an ESP32: its chip id stands at offset 12, little endian. */
function esp32Image(chipId: number, firstByte = 0xe9): Buffer {
  const bytes = image(firstByte, randomBytes(8999));
  bytes.writeUInt16LE(chipId, 12);
  return bytes;
}

function expectRefused(bytes: Uint8Array, platform: string, reason: RegExp): void {
  expect(() => inspect(bytes, platform))
    .to.throw(FirmwireError, reason)
    .with.property('code', 'image_refused');
}

describe('images for :esp8266 (issue 2, 3)', () => {
  for (const platform of ['arduino:esp8266', 'platformio:esp8266']) {
    const accepted: [string, Uint8Array][] = [
      ['first byte 0xE9', image(0xe9)],
      ['a single byte 0xE9', Buffer.of(0xe9)],
      ['a gzip of it', gzipSync(image(0xe9))],
      ['a gzip smaller than the head', gzipSync(image(0xe9, randomBytes(50)))],
      ['a gzip that shrinks a thousandfold', gzipSync(image(0xe9, Buffer.alloc(8_000_000, 0xff)))],
      ['a gzip whose padding begins in its first bytes', gzipSync(image(0xe9, Buffer.alloc(300_000)))],
    ];
    for (const [name, bytes] of accepted) {
      it(`${platform}: accepts ${name}`, () => {
        expect(inspect(bytes, platform)).to.deep.equal({ chip: 'esp8266' });
      });
    }

    const refused: [string, Uint8Array, RegExp][] = [
      ['first byte 0xEA, as the updater does', image(0xea), /0xEA.*Verify Bin Header Failed/],
      ['first byte 0x00', image(0), /0x00/],
      ['text', Buffer.from('<html>'), /0x3C/],
      ['a gzip of 0xEA', gzipSync(image(0xea)), /0xEA/],
      ['bytes that only begin like gzip', Buffer.of(0x1f, 0x8b, 0xff, 0xff, 0xff), /gzip/],
      ['a gzip cut off before its first byte of content', gzipSync(image(0xe9)).subarray(0, 10), /./],
      ['two bytes of gzip', Buffer.of(0x1f, 0x8b), /./],
      ['a gzip of nothing', gzipSync(Buffer.alloc(0)), /./],
    ];
    for (const [name, bytes, reason] of refused) {
      it(`${platform}: refuses ${name}`, () => expectRefused(bytes, platform, reason));
    }
  }
});

describe('images for :esp32 (issue 2, 3)', () => {
  for (const [platform, chipId, chip] of [
    ['arduino:esp32', 0, 'esp32'],
    ['platformio:esp32', 0, 'esp32'],
    ['arduino:esp32s2', 2, 'esp32s2'],
    ['arduino:esp32-c3', 5, 'esp32c3'],
    ['arduino:ESP32_S3', 9, 'esp32s3'],
    ['arduino:esp32c6', 13, 'esp32c6'],
    ['arduino:esp32h2', 16, 'esp32h2'],
  ] as const) {
    it(`${platform}: accepts chip id ${chipId}`, () => {
      expect(inspect(esp32Image(chipId), platform)).to.deep.equal({ chip });
    });
  }

  const refused: [string, string, Uint8Array, RegExp][] = [
    ['arduino:esp32', 'an image of another chip', esp32Image(9), /esp32s3.*esp32/],
    ['arduino:esp32s3', 'an image of the plain ESP32', esp32Image(0), /esp32.*esp32s3/],
    ['arduino:esp32', 'an unknown chip id', esp32Image(0x0fff), /unknown id/],
    ['arduino:esp32', 'a chip id that differs only in its second byte', esp32Image(0x0100), /unknown id/],
    ['arduino:esp32', 'first byte 0xEA', esp32Image(0, 0xea), /0xEA/],
    ['arduino:esp32', 'a gzip, which only the ESP8266 unpacks', gzipSync(esp32Image(0)), /0x1F/],
    ['arduino:esp32', 'an image shorter than its header', esp32Image(0).subarray(0, 23), /24 bytes/],
  ];
  for (const [platform, name, bytes, reason] of refused) {
    it(`${platform}: refuses ${name}`, () => expectRefused(bytes, platform, reason));
  }
});

describe('images for other platforms', () => {
  for (const platform of ['nodemcu:esp8266', 'micropython:esp32', 'arduino', 'arduino:avr', undefined]) {
    it(`${platform}: any bytes pass`, () => {
      expect(inspect(Buffer.from('print(1)'), platform)).to.deep.equal({
        chip: readPlatform(platform)?.chip,
      });
    });
  }
});
