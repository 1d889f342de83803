import type { Chance } from './chance.js';

/** What a protocol takes for the end of something, the largest of something, or nothing. */
const ODD_BYTES: readonly [number, ...number[]] = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x20, 0x22, 0x7b];

const MANY = 2000;

const joined = (bytes: Buffer, from: number, removed: number, put: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + removed)]);

/** The bytes with one thing wrong. */
function wrong(bytes: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  const length = chance.below(Math.min(64, bytes.length - at) + 1);
  return chance.make(
    () => joined(bytes, at, 1, Buffer.of((bytes[at] ?? 0) ^ (1 << chance.below(8)))),
    () => joined(bytes, at, 1, Buffer.of(chance.pick(ODD_BYTES))),
    () => joined(bytes, at, 0, chance.bytes(1 + chance.below(8))),
    () => joined(bytes, at, length, Buffer.alloc(0)),
    () => joined(bytes, at, 0, bytes.subarray(at, at + length)),
    () => bytes.subarray(0, at),
    () => joined(bytes, at, 0, Buffer.alloc(chance.below(MANY), chance.pick(ODD_BYTES))),
  );
}

/** The bytes with a few things wrong once in so many times, else as they are: what is always wrong gets nowhere. */
export function mutated(bytes: Buffer, times: number, chance: Chance): Buffer {
  if (!chance.oneIn(times)) return bytes;
  let result = bytes;
  for (let left = 1 + chance.below(4); left > 0; left--) result = wrong(result, chance);
  return result;
}

/** The bytes cut at random places. */
export function cut(bytes: Buffer, chance: Chance): Buffer[] {
  if (!chance.oneIn(3)) return [bytes];
  const places = chance.some(6, () => chance.below(bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? bytes.length));
}
