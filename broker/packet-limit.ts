import type { Duplex } from 'node:stream';
import type { LimitWatch } from '../core/limits.js';

/** Bytes of one MQTT packet, fixed header included. */
export interface PacketLimits {
  /** The first packet: a CONNECT of somebody nobody knows yet. */
  readonly first: number;
  /** Every later packet. */
  readonly later: number;
  readonly watch: LimitWatch;
}

/**
 * Follows the packet boundaries of an MQTT byte stream without keeping bytes (MQTT 3.1.1, 2.2).
 * Aedes has no limit of its own and collects a packet of up to 256 MiB before it looks at it.
 */
export class PacketMeter {
  readonly #limits: Pick<PacketLimits, 'first' | 'later'>;
  #isFirst = true;
  /** Bytes of the current packet's body still to come; 0 between packets. */
  #remaining = 0;
  #inHeader = false;
  #length = 0;
  #shift = 0;

  constructor(limits: Pick<PacketLimits, 'first' | 'later'>) {
    this.#limits = limits;
  }

  /** Takes in the next bytes. False as soon as a packet announces more than it may have, or is malformed. */
  accept(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining > 0) {
        const skipped = Math.min(this.#remaining, chunk.length - at);
        this.#remaining -= skipped;
        at += skipped;
      } else if (!this.#inHeader) {
        this.#inHeader = true;
        this.#length = 0;
        this.#shift = 0;
        at++;
      } else if (!this.#lengthByte(chunk[at++] ?? 0)) {
        return false;
      }
    }
    return true;
  }

  /** One byte of the remaining length: seven bits, least first, at most four bytes (MQTT 3.1.1, 2.2.3). */
  #lengthByte(byte: number): boolean {
    this.#length += (byte & 0x7f) * 2 ** this.#shift;
    this.#shift += 7;
    if (byte & 0x80) return this.#shift < 28;
    const total = this.#length + 1 + this.#shift / 7;
    if (total > (this.#isFirst ? this.#limits.first : this.#limits.later)) return false;
    this.#isFirst = false;
    this.#inHeader = false;
    this.#remaining = this.#length;
    return true;
  }
}

/**
 * Cuts the connection when a packet is larger than it may be, before the parser sees it.
 * Aedes takes its bytes with `read()`, so that is where they are looked at: no extra stream, no copy.
 */
export function limitPackets(conn: Duplex, limits: PacketLimits): void {
  const meter = new PacketMeter(limits);
  const read = conn.read.bind(conn);
  conn.read = (size?: number): unknown => {
    const chunk: unknown = read(size);
    if (!(chunk instanceof Uint8Array) || meter.accept(chunk)) return chunk;
    limits.watch.reached('packet');
    conn.destroy();
    return null;
  };
}
