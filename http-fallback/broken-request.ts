import type { Socket } from 'node:net';

/** Answers what is no HTTP at all, and lets pass what devices are known to send. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  // Devices send a stray CRLF after the body (wire.md 4); the answer is already on its way.
  if (error.code === 'HPE_CLOSED_CONNECTION') return;
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
