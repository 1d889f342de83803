import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

/** An HTTP server that records each request to the byte and answers with ready-made bytes, then closes. */
export class FakeHttp extends EventEmitter<{ request: [string] }> {
  readonly #server: Server;
  readonly requests: string[] = [];
  /** What to answer; may look at the request. */
  answer: (request: string) => Buffer = () => httpAnswer(404, 'OTT_UPDATE_NOT_FOUND');

  constructor() {
    super();
    this.#server = createServer((socket) => {
      let request = '';
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        request += bytes.toString('latin1');
        if (!isWhole(request)) return;
        this.requests.push(request);
        this.emit('request', request);
        socket.end(this.answer(request));
      });
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** A request is whole with its head, or, if it has a body, with the CRLF that devices send after it. */
function isWhole(request: string): boolean {
  const end = request.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = Number(/content-length: (\d+)/i.exec(request)?.[1] ?? 0);
  return length === 0 || request.length >= end + 4 + length + 2;
}

/** An answer as the server gives it. */
export function httpAnswer(
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Buffer {
  const bytes = Buffer.from(body);
  const lines = Object.entries({
    'Content-Length': String(bytes.length),
    Connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([Buffer.from([`HTTP/1.1 ${status} x`, ...lines, '', ''].join('\r\n')), bytes]);
}

export const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

/** A good answer to a download. */
export const firmwareAnswer = (image: Buffer): Buffer => httpAnswer(200, image, { 'x-MD5': md5(image) });
