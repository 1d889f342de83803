import type { Hash } from 'node:crypto';
import { connect } from 'node:net';

/** What came back over one connection. */
export interface Answer {
  /** 0 if no whole head came. */
  readonly status: number;
  /** Bytes of the body that came. */
  readonly received: number;
  /** True if as many came as were announced. */
  readonly whole: boolean;
  /** The body, if it was to be kept. */
  readonly body: string;
}

/** What is done with a body: kept as text, digested, or only counted. */
export type Use = 'keep' | 'count' | Hash;

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LENGTH = /^content-length: *(\d+)/im;

/** All sockets read into this one. */
const INBOX = Buffer.allocUnsafe(256 * 1024);

/** Reads one answer, which ends where the server closes. */
export class AnswerReader implements Answer {
  status = 0;
  received = 0;
  body = '';
  private announced = -1;
  private head: Buffer | undefined;

  constructor(private readonly use: Use) {}

  get whole(): boolean {
    return this.received === this.announced;
  }

  take(bytes: Buffer): void {
    if (this.announced >= 0) {
      this.takeBody(bytes);
      return;
    }
    const all = this.head ? Buffer.concat([this.head, bytes]) : bytes;
    const end = all.indexOf(END_OF_HEAD);
    if (end === -1) {
      this.head = Buffer.from(all);
      return;
    }
    const text = all.toString('latin1', 0, end);
    this.status = Number(text.slice(9, 12));
    this.announced = Number(LENGTH.exec(text)?.[1] ?? 0);
    this.takeBody(all.subarray(end + END_OF_HEAD.length));
  }

  private takeBody(bytes: Buffer): void {
    this.received += bytes.length;
    if (this.use === 'count') return;
    if (this.use === 'keep') this.body += bytes.toString('latin1');
    else this.use.update(bytes);
  }
}

/**
 * Sends ready-made bytes over a connection of their own, as a device does, and reads until the server closes. It costs
 * next to nothing, so that the load does not measure itself. A connection that breaks is an answer that is not whole.
 */
export function ask(port: number, request: Buffer, use: Use): Promise<Answer> {
  return new Promise((resolve) => {
    const reader = new AnswerReader(use);
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: INBOX,
        callback: (length: number, buffer: Uint8Array) => {
          reader.take((buffer as Buffer).subarray(0, length));
          return true;
        },
      },
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(reader));
    socket.write(request);
  });
}
