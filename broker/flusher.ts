import type { Duplex } from 'node:stream';

interface Outgoing {
  readonly conn: Duplex;
  readonly bytes: Buffer;
}

/**
 * Collects what is pushed in one turn of the event loop and writes it all at its end. Told one by one between other
 * work, each receiver is woken anew by the kernel, which costs more than the writing (docs/performance.md).
 */
export class Flusher {
  #outgoing: Outgoing[] = [];
  #flushed: Promise<void> = Promise.resolve();

  /** Resolves when the bytes were handed to the socket, or when it turned out to be gone. Keeps the order of the calls. */
  write(conn: Duplex, bytes: Buffer): Promise<void> {
    if (this.#outgoing.length === 0)
      this.#flushed = new Promise((resolve) => setImmediate(() => this.#flush(resolve)));
    this.#outgoing.push({ conn, bytes });
    return this.#flushed;
  }

  #flush(done: () => void): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const { conn, bytes } of outgoing) if (conn.writable) conn.write(bytes);
    done();
  }
}
