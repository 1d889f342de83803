import { constants, gunzipSync } from 'node:zlib';
import { FirmwireError } from './errors.js';
import { type Platform, takesImage } from './platform.js';

/** How many bytes from the start of an image `inspectImage` needs to see. */
export const IMAGE_HEAD_BYTES = 4096;

const ESP_MAGIC = 0xe9;
const GZIP_MAGIC = [0x1f, 0x8b] as const;
/** Size of esp_image_header_t; its chip id stands at offset 12, little endian (ESP-IDF, esp_app_format.h). */
const ESP32_HEADER_BYTES = 24;

/** esp_chip_id_t (ESP-IDF, esp_app_format.h). */
const ESP32_CHIPS: Readonly<Record<number, string>> = {
  0: 'esp32',
  2: 'esp32s2',
  5: 'esp32c3',
  9: 'esp32s3',
  12: 'esp32c2',
  13: 'esp32c6',
  16: 'esp32h2',
  18: 'esp32p4',
  20: 'esp32c61',
  23: 'esp32c5',
};

/** What can be told of an image from its first bytes. */
export interface ImageFacts {
  /** The chip the image was built for, if known. */
  readonly chip: string | undefined;
}

const hex = (byte: number | undefined): string =>
  `0x${(byte ?? 0).toString(16).toUpperCase().padStart(2, '0')}`;

function refuse(reason: string): never {
  throw new FirmwireError('image_refused', reason);
}

function firstBytes(head: Uint8Array): Uint8Array {
  if (head[0] !== GZIP_MAGIC[0] || head[1] !== GZIP_MAGIC[1]) return head;
  try {
    // Z_SYNC_FLUSH: the head is a part of the stream, so its end is missing and that is no error.
    // Deflate expands 1032 times at most, so the result is bounded by the size of the head.
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw new FirmwireError('image_refused', 'The file begins like gzip but cannot be unpacked.', { cause });
  }
}

function inspectEsp8266(head: Uint8Array, platform: Platform): ImageFacts {
  const first = firstBytes(head)[0];
  if (first !== ESP_MAGIC) {
    refuse(
      `The ESP8266 updater accepts images whose first byte is 0xE9; this one begins with ${hex(first)}` +
        `${first === 0xea ? ' (a boot-loader "user1/user2" image)' : ''}: the device would answer "Verify Bin Header Failed".`,
    );
  }
  return { chip: platform.chip };
}

function inspectEsp32(head: Uint8Array, platform: Platform): ImageFacts {
  if (head[0] !== ESP_MAGIC) {
    refuse(
      `The ESP32 updater accepts images whose first byte is 0xE9; this one begins with ${hex(head[0])}.`,
    );
  }
  if (head.length < ESP32_HEADER_BYTES) refuse('The image is shorter than an ESP32 image header (24 bytes).');
  const id = (head[12] ?? 0) | ((head[13] ?? 0) << 8);
  const chip = ESP32_CHIPS[id];
  if (chip !== platform.chip) {
    refuse(
      `The image header names the chip ${chip ?? `with the unknown id ${hex(id)}`}, the platform says ${platform.chip}.`,
    );
  }
  return { chip };
}

/**
 * Looks at the first bytes of an image as the platform's own updater would.
 * @param head the first `IMAGE_HEAD_BYTES` bytes, or all if there are fewer
 * @throws FirmwireError `image_refused` with the reason for a person
 */
export function inspectImage(head: Uint8Array, platform: Platform | undefined): ImageFacts {
  if (platform && takesImage(platform) && platform.chip === 'esp8266') return inspectEsp8266(head, platform);
  if (platform && takesImage(platform) && platform.chip?.startsWith('esp32'))
    return inspectEsp32(head, platform);
  return { chip: platform?.chip };
}
