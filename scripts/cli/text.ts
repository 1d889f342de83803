import type { Output } from '../client/io.js';

/**
 * Text on one line and without control or formatting characters: aliases and errors come from devices, and a
 * terminal would obey what stands in them.
 */
export const plain = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .trim();

/** A size for a person: `446 KiB`. */
export const size = (bytes: number): string =>
  bytes < 1024 ? `${bytes} B` : `${Math.ceil(bytes / 1024)} KiB`;

/** `1 device`, `2 devices`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** A time for a person, `2026-11-23 11:40 UTC`, from ISO 8601 as the API sends it. */
export const time = (when: string): string =>
  `${new Date(when).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Prints JSON for a program. */
export function printJson(out: Output, value: unknown): void {
  out.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
