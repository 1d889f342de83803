import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An HTTP answer as it stood on the wire. */
export interface RawAnswer {
  readonly statusLine: string;
  readonly status: number;
  readonly headerLines: readonly string[];
  /** Every value of this header, whatever its case. */
  header(name: string): readonly string[];
  readonly body: Buffer;
}

/** Reads the first answer in these bytes; whatever follows its head counts as its body. */
export function readAnswer(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no complete head in: ${bytes.toString('latin1')}`);
  const [statusLine = '', ...headerLines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  return {
    statusLine,
    status: Number(statusLine.split(' ')[1]),
    headerLines,
    header: (name) =>
      headerLines
        .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
        .map((line) => line.slice(name.length + 1).trim()),
    body: bytes.subarray(end + 4),
  };
}

/** A TCP connection that keeps what arrives, piece by piece. */
export class RawClient {
  readonly socket: Socket;
  readonly pieces: Buffer[] = [];
  /** True once the server has said that it sends no more. */
  serverEnded = false;
  /** Resolves when the connection is closed, well or not. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece) => this.pieces.push(Buffer.from(piece)));
    socket.on('end', () => {
      this.serverEnded = true;
    });
    // A reset is one of the ways in which a connection ends here.
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Waits until so many bytes have arrived. Rejects if the connection ends before. */
  async received(count: number): Promise<void> {
    while (this.bytes.length < count) {
      if (this.socket.destroyed) throw new Error(`closed after ${this.bytes.length} bytes`);
      await Promise.race([once(this.socket, 'data'), this.closed]);
    }
  }

  /** Goes away as a device does that was switched off: RST, no FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** Sends one request and returns what the server said until it closed the connection. */
export async function exchange(port: number, request: string | Buffer): Promise<RawAnswer> {
  const client = await RawClient.connect(port);
  client.send(request);
  await client.closed;
  return readAnswer(client.bytes);
}

/** A request with a body, as devices send it. */
export function rawPost(
  path: string,
  body: string,
  headers: Record<string, string>,
  version = '1.0',
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return [`POST ${path} HTTP/${version}`, 'Host: firmwire', ...lines, length, '', body].join('\r\n');
}

/** A GET request as the updaters of devices send it. */
export function rawGet(path: string, headers: Record<string, string> = {}, version = '1.0'): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${path} HTTP/${version}`, 'Host: firmwire', ...lines, '', ''].join('\r\n');
}
