import { connect } from 'node:net';

/** Where an HTTP server listens. */
export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** The status and the headers of an answer; header names in lower case. */
export interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

/** Takes an answer as it comes in. `head` may throw to give up before the body; what it throws is the result. */
export interface Receiver {
  head(head: Head): void;
  piece(bytes: Buffer): void;
}

/** The connection went wrong; the message is HTTPClient's own (`connection failed`, `read Timeout`, ...). */
export class HttpTrouble extends Error {
  override readonly name = 'HttpTrouble';
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
/** HTTPClient's default is 5 s, the updater's 8 s. */
const SILENCE_MS = 8000;

/** Reads `http://host:port`. */
export function addressOf(httpUrl: string): HttpAddress {
  const url = new URL(httpUrl);
  return { host: url.hostname, port: Number(url.port || 80) };
}

function readHead(text: string): Head {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1];
  if (status === undefined) throw new HttpTrouble('no HTTP server');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}

/** The announced length of the body in bytes, or undefined. */
export function contentLength(head: Head): number | undefined {
  const text = head.headers.get('content-length') ?? '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Cuts the bytes of one answer into its head and its body. */
class AnswerReader {
  #pending = Buffer.alloc(0);
  #left = Number.POSITIVE_INFINITY;
  #hasHead = false;

  constructor(readonly receiver: Receiver) {}

  /** True once the whole answer is there. */
  get isComplete(): boolean {
    return this.#hasHead && this.#left === 0;
  }

  /** True if the peer may close here: after the whole answer, or in a body of unknown length. */
  get mayEnd(): boolean {
    return this.#hasHead && (this.#left === 0 || this.#left === Number.POSITIVE_INFINITY);
  }

  /** Takes the next bytes; throws what the receiver throws. */
  take(bytes: Buffer): void {
    if (this.#hasHead) {
      this.#body(bytes);
      return;
    }
    this.#pending = Buffer.concat([this.#pending, bytes]);
    const end = this.#pending.indexOf(END_OF_HEAD);
    if (end === -1) return;
    const head = readHead(this.#pending.subarray(0, end).toString('latin1'));
    this.#hasHead = true;
    this.#left = contentLength(head) ?? Number.POSITIVE_INFINITY;
    this.receiver.head(head);
    this.#body(this.#pending.subarray(end + END_OF_HEAD.length));
  }

  #body(bytes: Buffer): void {
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    if (piece.length > 0) this.receiver.piece(piece);
  }
}

/**
 * Sends ready-made bytes over a new TCP connection and hands the answer to a receiver, as HTTPClient does: it stops
 * reading at the announced length and never keeps the connection.
 * Resolves after the last byte. Rejects with HttpTrouble, with what the receiver threw, or with the signal's reason.
 */
export function exchange(
  address: HttpAddress,
  request: string,
  receiver: Receiver,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const reader = new AnswerReader(receiver);
    let connected = false;
    const socket = connect(address.port, address.host);
    const giveUp = (reason: unknown) => {
      reject(reason);
      socket.destroy();
    };
    const abort = () => giveUp(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    socket.setTimeout(SILENCE_MS, () => giveUp(new HttpTrouble('read Timeout')));
    socket.on('connect', () => {
      connected = true;
      socket.write(request);
    });
    socket.on('data', (bytes) => {
      try {
        reader.take(bytes);
      } catch (error) {
        return giveUp(error);
      }
      if (reader.isComplete) {
        resolve();
        socket.end();
      }
    });
    socket.on('end', () => (reader.mayEnd ? resolve() : giveUp(new HttpTrouble('connection lost'))));
    socket.on('error', () => giveUp(new HttpTrouble(connected ? 'connection lost' : 'connection failed')));
    socket.on('close', () => {
      signal?.removeEventListener('abort', abort);
      reject(new HttpTrouble('connection lost'));
    });
  });
}
