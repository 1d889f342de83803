import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '../../core/errors.js';
import { HTTP_STATUS } from '../../http-fallback/status.js';

/** Seconds after which a device may ask again when the gateway cannot answer. */
const RETRY_AFTER = '10';

/** Answers as the server answers devices: with a length, in one write, and the end of the connection (wire.md 4). */
export function answerJson(
  response: ServerResponse,
  status: number,
  body: string,
  more: string[] = [],
): void {
  const bytes = Buffer.from(body);
  response.sendDate = false;
  response.writeHead(status, [
    'connection',
    'close',
    ...more,
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(bytes.length),
  ]);
  response.end(bytes);
}

/** Answers a failure of the gateway itself; if the head has left already, the connection is cut. */
export function refuse(response: ServerResponse, code: ErrorCode): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = HTTP_STATUS[code];
  const more = status === 503 ? ['retry-after', RETRY_AFTER] : [];
  answerJson(response, status, JSON.stringify({ success: false, response: code }), more);
}

/**
 * Reads a body into memory.
 * @returns undefined if it is longer than `limit`; the rest is not read. Rejects if it breaks off
 */
export async function readBody(source: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of source.iterator({ destroyOnReturn: false })) {
    size += piece.length;
    if (size > limit) return undefined;
    pieces.push(piece);
  }
  if (!source.complete) throw new Error('the body broke off');
  return Buffer.concat(pieces, size);
}
