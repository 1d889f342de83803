import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import type { Span } from '../../core/coverage.js';
import { ConnectionLost } from '../../http-fallback/device/connection.js';

/** A body did not arrive whole: the uplink's fault, or the server's, and not the device's nor the gateway's. */
export class UplinkLost extends ConnectionLost {
  override readonly name = 'UplinkLost';
}

/** Fetches a body from the uplink, from a place on. */
export type Fetch = (from: number) => Promise<AsyncIterable<Buffer>>;

/** What is withheld of every part until all bytes are there and are the right ones; no device can do without it. */
const WITHHELD = 1024;
const PIECE = 64 * 1024;

/**
 * One body on its way from the server, for all who want it: it crosses the uplink once, and each reader gets the bytes
 * as they arrive. If the one whose attempt fetches it drops out, the next one's goes on from there.
 */
export class Flight {
  readonly #sha256: string;
  readonly #bytes: Buffer;
  readonly #hash = createHash('sha256');
  readonly #sources: Fetch[] = [];
  readonly #news = new EventEmitter().setMaxListeners(0);
  #length = 0;
  #isRight = false;
  #failure: Error | undefined;
  #landed: Promise<Buffer> | undefined;

  constructor(sha256: string, size: number) {
    this.#sha256 = sha256;
    this.#bytes = Buffer.allocUnsafe(size);
  }

  /** One more wants a part of it, and could fetch it if need be. */
  join([start, end]: Span, fetch: Fetch): Readable {
    this.#sources.push(fetch);
    return Readable.from(this.#read(start, end), { objectMode: false, highWaterMark: PIECE });
  }

  /** Resolves with all bytes once they are there and right. To be called once somebody has joined. */
  landed(): Promise<Buffer> {
    this.#landed ??= this.#fetch();
    return this.#landed;
  }

  async *#read(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      if (this.#failure) throw this.#failure;
      const there = this.#isRight ? end : Math.min(this.#length, end - WITHHELD);
      if (at < there) {
        const to = Math.min(at + PIECE, there);
        yield this.#bytes.subarray(at, to);
        at = to;
      } else await once(this.#news, 'more');
    }
  }

  async #fetch(): Promise<Buffer> {
    try {
      await this.#fill();
      if (this.#hash.digest('hex') !== this.#sha256)
        throw new Error('the server sent other bytes than it said');
      this.#isRight = true;
      return this.#bytes;
    } catch (error) {
      this.#failure = new UplinkLost(error instanceof Error ? error.message : String(error), {
        cause: error,
      });
      throw this.#failure;
    } finally {
      this.#news.emit('more');
    }
  }

  async #fill(): Promise<void> {
    let failure: unknown = new Error('nobody can fetch it');
    while (this.#length < this.#bytes.length) {
      const fetch = this.#sources.shift();
      if (!fetch) throw failure;
      try {
        for await (const piece of await fetch(this.#length)) this.#take(piece);
      } catch (error) {
        failure = error;
      }
    }
  }

  #take(piece: Buffer): void {
    if (this.#length + piece.length > this.#bytes.length) throw new Error('the server sent too many bytes');
    piece.copy(this.#bytes, this.#length);
    this.#hash.update(piece);
    this.#length += piece.length;
    this.#news.emit('more');
  }
}
