import { createCipheriv, createHash } from 'node:crypto';

/** Magic, one segment, DIO, 4 MiB at 40 MHz, entry point (esp_bootloader's image header). */
const ESP8266_HEADER = Buffer.from([0xe9, 0x01, 0x02, 0x40, 0x00, 0x00, 0x10, 0x40]);

/** Bytes that an ESP8266's updater accepts as an image and no chip could run: a header and noise, the same for a seed. */
export function madeUpImage(bytes: number, seed: string): Buffer {
  const key = createHash('sha256').update(seed).digest();
  const noise = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
  ESP8266_HEADER.copy(noise);
  return noise;
}
