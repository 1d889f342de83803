import { PLACEHOLDERS } from '../case.js';
import type { Chance } from '../chance.js';

const { owner } = PLACEHOLDERS;

/** So few that cases meet devices which others have left in some state. */
const DEVICES = 8;

export const udidOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const macOf = (n: number): string => `5CCF7F${n.toString(16).padStart(6, '0').toUpperCase()}`;

export const someDevice = (chance: Chance): number => chance.below(DEVICES);

/** What a device may say of itself at a check-in (wire.md 2). */
export function checkIn(chance: Chance, n = someDevice(chance)) {
  return {
    registration: {
      mac: macOf(n),
      firmware: 'my-app:1.0.0',
      version: chance.pick(['1.0.0', '1.1.0', '0.9']),
      commit: '0123456789012345678901234567890123456789',
      owner,
      alias: 'unnamed',
      udid: udidOf(n),
      status: chance.pick(['Registered', 'Wrong MD5', 'update_started']),
      lat: '0.00',
      lon: '0.00',
      rssi: '-61',
      platform: chance.pick(['arduino:esp8266', 'nodemcu', 'micropython']),
      auto_update: chance.pick(['true', 'false']),
      ...(chance.oneIn(3) && { fcid: '1640EF' }),
    },
  };
}

/** An owner's answer to the question about a device (wire.md 5). */
export const reply = (chance: Chance, n = someDevice(chance)) => ({
  notification: {
    nid: udidOf(n),
    response_type: chance.pick(['bool', 'string']),
    response: chance.pick<boolean | string>([true, false, 'later', 'yes', 'no']),
  },
});
