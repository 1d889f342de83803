import type { Duplex } from 'node:stream';

/** Retained messages are written in one go: so many, or so many bytes. */
const AT_ONCE = 64;
const BYTES_AT_ONCE = 32_768;

/** Packets that leave in one write. Nothing is held in the connection itself, where others write too. */
export class Corked {
  #packets: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly conn: Duplex) {}

  get isFull(): boolean {
    return this.#packets.length >= AT_ONCE || this.#bytes >= BYTES_AT_ONCE;
  }

  add(packet: Buffer): void {
    this.#packets.push(packet);
    this.#bytes += packet.length;
  }

  release(): void {
    const packets = this.#packets;
    this.#packets = [];
    this.#bytes = 0;
    if (packets.length === 0 || !this.conn.writable) return;
    this.conn.cork();
    for (const packet of packets) this.conn.write(packet);
    this.conn.uncork();
  }
}

/** Resolves when more can be written, or never will be. */
export const roomIn = (conn: Duplex): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      conn.off('drain', done).off('close', done);
      resolve();
    };
    conn.on('drain', done).on('close', done);
  });
