/**
 * How far Node itself can go: a `node:net` server that answers CONNECT and SUBSCRIBE with ready bytes, hands a publisher's
 * messages to the n-th connection as they are, and counts acknowledgements. No broker, no rights, no topics.
 */
import { createServer, type Socket } from 'node:net';

const CONNACK = Buffer.of(0x20, 2, 0, 0);
const SUBACK = Buffer.of(0x90, 3, 0, 1, 1);
const PUBACK = Buffer.of(0x40, 2, 0, 1);

const devices: Socket[] = [];

function answer(socket: Socket, bytes: Buffer): void {
  switch ((bytes[0] ?? 0) >> 4) {
    case 1:
      socket.write(CONNACK);
      break;
    case 8:
      devices.push(socket);
      socket.write(SUBACK);
      break;
    case 3:
      forward(socket, bytes);
      break;
  }
}

let told = 0;
let rest: Buffer = Buffer.alloc(0);

/** The publisher's messages, each to the next device. */
function forward(publisher: Socket, bytes: Buffer): void {
  rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
  let at = 0;
  let count = 0;
  while (rest.length - at >= 3) {
    const second = rest[at + 1] ?? 0;
    const third = rest[at + 2] ?? 0;
    const head = second & 0x80 ? 3 : 2;
    const length = head + (second & 0x80 ? (second & 0x7f) + third * 128 : second);
    if (rest.length - at < length) break;
    devices[told++ % devices.length]?.write(rest.subarray(at, at + length));
    at += length;
    count++;
  }
  rest = Buffer.from(rest.subarray(at));
  publisher.write(Buffer.concat(Array.from({ length: count }, () => PUBACK)));
}

const server = createServer({ noDelay: true }, (socket) => {
  let isPublisher = false;
  socket.on('data', (bytes) => {
    if ((bytes[0] ?? 0) >> 4 === 3) isPublisher = true;
    if (isPublisher) forward(socket, bytes);
    else answer(socket, bytes);
  });
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`listening on ${typeof address === 'object' ? address?.port : ''}\n`);
});
