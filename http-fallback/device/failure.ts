import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import { asFirmwireError } from '../failures.js';
import { keyOf } from '../keys.js';
import { HTTP_STATUS } from '../status.js';
import type { Throttle } from '../throttle.js';
import { readObject } from './body.js';

export interface FailureParts {
  readonly throttle: Throttle;
  readonly log: Log;
}

/**
 * Answers a failure with an honest status and `{"success":false,"response":"<code>"}` (wire.md 4), or with 429 to
 * whoever fails too often.
 */
export async function answerFailure(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { throttle, log }: FailureParts,
): Promise<FastifyReply> {
  const { code } = asFirmwireError(error, log);
  const isTheirs = HTTP_STATUS[code] < 500;
  const wait = isTheirs ? await throttle.failed(request.ip, subjectsOf(request, code)) : undefined;
  if (wait !== undefined) reply.header('Retry-After', wait);
  const told = wait === undefined ? code : 'throttled';
  return reply
    .code(HTTP_STATUS[told])
    .type('application/json')
    .send(JSON.stringify({ success: false, response: told }));
}

/** What says that the key itself is wrong; one that is right is shared by a fleet, and is not to blame. */
const WRONG_KEY: ReadonlySet<ErrorCode> = new Set([
  'apikey_not_found',
  'owner_found_but_no_key',
  'authentication',
]);

/** What the request named and may be blamed: its token, its device, its key. */
function subjectsOf(request: FastifyRequest, code: ErrorCode): string[] {
  const body = readObject(request.body) ?? {};
  const inner = (body['registration'] ?? body) as Record<string, unknown>;
  const { ott } = request.query as Record<string, unknown>;
  const key = WRONG_KEY.has(code) ? keyOf(request) : undefined;
  const named = [ott, key, inner?.['udid'], inner?.['mac'], inner?.['ott']].flat();
  return named
    .filter((value): value is string => typeof value === 'string' && value !== '')
    .map((v) => v.slice(0, 256));
}
