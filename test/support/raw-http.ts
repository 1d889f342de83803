import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Inbox } from './inbox.js';
import { secret, watchForSecrets } from './secrets.js';

/** Where to knock: a plain port, or one with TLS and the authority to trust. */
export type Door = number | { readonly port: number; readonly ca: string };

/** One answer as it came over the socket. */
export interface RawAnswer {
  readonly status: number;
  readonly statusLine: string;
  /** Names in lower case, in the order they came. */
  readonly headers: readonly (readonly [string, string])[];
  readonly head: string;
  readonly body: Buffer;
  /** The bytes that came with the first read. */
  readonly first: Buffer;
  /** `end` if the server closed in peace, `error` if it reset or was killed. */
  readonly closed: 'end' | 'error';
}

const END_OF_HEAD = '\r\n\r\n';

/** The only value of a header; undefined if it is missing or comes twice. */
export function header(answer: RawAnswer, name: string): string | undefined {
  const values = answer.headers.filter(([key]) => key === name.toLowerCase());
  return values.length === 1 ? values[0]?.[1] : undefined;
}

/** True if as many bytes came as were announced. */
export const isWhole = (answer: RawAnswer): boolean =>
  answer.status === 200 && answer.body.length === Number(header(answer, 'content-length'));

/** A request in flight that the test can hold up, cut off, or watch. */
export class RawExchange {
  readonly #bytes: Buffer[] = [];
  readonly #progress = new Inbox<number>();
  #received = 0;
  /** Resolves when the socket has closed. */
  readonly answer: Promise<RawAnswer>;

  readonly #tcp: Socket;

  /** @param tcp what carries the socket, where that is another */
  constructor(
    readonly socket: Socket,
    tcp: Socket = socket,
  ) {
    this.#tcp = tcp;
    let closed: RawAnswer['closed'] = 'error';
    socket.on('data', (bytes) => {
      this.#bytes.push(bytes);
      this.#received += bytes.length;
      this.#progress.push(this.#received);
    });
    socket.on('end', () => {
      closed = 'end';
    });
    socket.on('error', () => {
      closed = 'error';
    });
    // Not `once` of node:events: that rejects on an error, and a server that was killed may answer with a reset.
    this.answer = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() =>
      readAnswer(this.#bytes, closed),
    );
  }

  get received(): number {
    return this.#received;
  }

  /** Resolves once so many bytes have come, head included. */
  async got(bytes: number): Promise<void> {
    if (this.#received >= bytes) return;
    await this.#progress.next(`byte ${bytes}`, (received) => received >= bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Cuts the connection off with a reset. */
  cut(): void {
    this.#tcp.resetAndDestroy();
  }
}

function readAnswer(pieces: readonly Buffer[], closed: RawAnswer['closed']): RawAnswer {
  const all = Buffer.concat(pieces);
  const end = all.indexOf(END_OF_HEAD);
  const head = end === -1 ? '' : all.subarray(0, end + END_OF_HEAD.length).toString('latin1');
  const [statusLine = '', ...lines] = head.split('\r\n').filter((line) => line !== '');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const body = end === -1 ? Buffer.alloc(0) : all.subarray(end + END_OF_HEAD.length);
  const status = Number(statusLine.split(' ')[1] ?? 0);
  if (status >= 400) watchForSecrets('a refusal', body.toString('latin1'));
  else if (body.length < 2000) secret(/"ott":"([A-Za-z0-9_-]{43})"/.exec(body.toString('latin1'))?.[1]);
  return { status, statusLine, headers, head, body, first: pieces[0] ?? Buffer.alloc(0), closed };
}

/** Sends ready-made bytes over a new connection and reads until the server closes. */
export function exchange(door: Door, request: string): RawExchange {
  const port = typeof door === 'number' ? door : door.port;
  const tcp = connect(port, '127.0.0.1');
  const socket =
    typeof door === 'number' ? tcp : connectTls({ socket: tcp, ca: door.ca, servername: 'localhost' });
  const running = new RawExchange(socket, tcp);
  socket.write(request);
  return running;
}

/** The bytes of a GET as an updater sends them. */
export const getRequest = (path: string, headers: Readonly<Record<string, string>> = {}): string =>
  [
    `GET ${path} HTTP/1.0`,
    'Host: 127.0.0.1',
    'User-Agent: ESP8266-http-Update',
    'Connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ].join('\r\n');

/** The bytes of a device's POST, with the stray CRLF that its Content-Length does not count. */
export function postRequest(path: string, body: string, key?: string): string {
  const head = [
    `POST ${path} HTTP/1.0`,
    'Host: 127.0.0.1',
    ...(key === undefined ? [] : [`Authentication: ${key}`]),
    'Accept: application/json',
    'Origin: device',
    'Content-Type: application/json',
    'User-Agent: THiNX-Client',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}\r\n`;
}

export const get = (door: Door, path: string, headers?: Record<string, string>): Promise<RawAnswer> =>
  exchange(door, getRequest(path, headers)).answer;

export const post = (door: Door, path: string, body: string, key?: string): Promise<RawAnswer> =>
  exchange(door, postRequest(path, body, key)).answer;
