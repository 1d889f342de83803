import { createHash } from 'node:crypto';

/** Who a device is: its MAC as 12 upper-case hex digits and its UDID. */
export interface Identity {
  readonly mac: string;
  readonly udid: string;
}

/** Espressif's address block, so that the MACs look like those of the chips that are played. */
const ESPRESSIF = '5CCF7F';

/** The identity of device number `index` of a fleet: always the same for the same seed. */
export function identityOf(seed: string, index: number): Identity {
  const digest = createHash('sha256').update(`${seed}/${index}`).digest('hex');
  const udid = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `4${digest.slice(13, 16)}`,
    `8${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
  // Counted up, not drawn: 24 bits are few enough that of 5,000 drawn some would be the same.
  const first = createHash('sha256').update(seed).digest().readUIntBE(0, 3);
  const mac = ((first + index) % 2 ** 24).toString(16).toUpperCase().padStart(6, '0');
  return { mac: `${ESPRESSIF}${mac}`, udid };
}
