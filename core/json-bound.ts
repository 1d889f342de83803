import type { LimitWatch } from './limits.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** The bit in which `[` and `{`, and `]` and `}`, differ. */
const KIND = 0x20;
const OPENS = 0x7b;
const CLOSES = 0x7d;

/** Bounds how deeply JSON that somebody sends may be nested (RFC 8259, 9), before it is parsed. */
export class JsonBound {
  readonly #most: number;
  readonly #watch: LimitWatch;

  constructor(most: number, watch: LimitWatch) {
    this.#most = most;
    this.#watch = watch;
  }

  /** True if this text, valid or not, is nested no deeper. */
  allows(text: string | Uint8Array): boolean {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    let depth = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) at = endOfString(bytes, at);
      else if ((byte | KIND) === CLOSES) depth--;
      else if ((byte | KIND) === OPENS && ++depth > this.#most) {
        this.#watch.reached('depth');
        return false;
      }
    }
    return true;
  }
}

/** Where the string that begins here ends; the end of all if it does not. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at;
  }
  return bytes.length;
}
