import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type FuzzCase, type Names, named } from './case.js';

/** Where a server listens, and what is there. */
export interface Doors {
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly names: Names;
}

/** A connection on which nothing comes for so long has got what it will get. */
const QUIET_MS = 40;
/** An answer that has not begun by then is not waited for before the next write. */
const PATIENCE_MS = 20;
/** Nobody waits longer for a connection, quiet or not. */
const LONGEST_MS = 2000;
/** Of an answer so much is looked at. */
const KEPT_BYTES = 4096;

/** Does what the case says, and resolves with the beginning of what came back, once nothing more comes. Never rejects. */
export async function play({ door, writes, leave, isPatient }: FuzzCase, doors: Doors): Promise<Buffer> {
  const socket = connect({ port: doors[`${door}Port`], host: '127.0.0.1', noDelay: true });
  const pieces: Buffer[] = [];
  let length = 0;
  const closed = new Promise<'closed'>((resolve) => socket.once('close', () => resolve('closed')));
  // The server may close or reset whenever it likes.
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    if (length < KEPT_BYTES) pieces.push(bytes);
    length += bytes.length;
  });
  await Promise.race([once(socket, 'connect').catch(() => undefined), closed]);
  for (const bytes of writes) {
    const answered = isPatient && nextData(socket, closed);
    await written(socket, named(bytes, doors.names), closed);
    await answered;
  }
  if (leave === 'reset') socket.resetAndDestroy();
  if (leave === 'end') socket.end();
  const until = performance.now() + LONGEST_MS;
  for (let before = -1; before < length && performance.now() < until; ) {
    before = length;
    if ((await Promise.race([closed, delay(QUIET_MS)])) === 'closed') break;
  }
  socket.destroy();
  return Buffer.concat(pieces);
}

const written = (socket: Socket, bytes: Buffer, closed: Promise<unknown>): Promise<unknown> =>
  Promise.race([closed, new Promise((resolve) => socket.write(bytes, resolve))]);

/** Resolves with the next bytes, or when it is too late for them. */
function nextData(socket: Socket, closed: Promise<unknown>): Promise<unknown> {
  const late = new AbortController();
  const data = once(socket, 'data', { signal: late.signal }).catch(() => undefined);
  return Promise.race([closed, data, delay(PATIENCE_MS)]).finally(() => late.abort());
}

/** What is wrong with an answer; undefined if nothing is. Only HTTP says whose fault something is (RFC 9110, 15.6). */
export function wrongAnswer(door: FuzzCase['door'], answer: Buffer): string | undefined {
  if (door === 'mqtt') return undefined;
  return /^HTTP\/1\.1 5\d\d [^\r]*/.exec(answer.toString('latin1'))?.[0];
}
