import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import { isUdid } from '../../core/topics.js';
import { asFirmwireError } from '../failures.js';
import { keyOf } from '../keys.js';
import { requestFacts } from '../request-facts.js';
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
  const facts = { ...requestFacts(request), ...deviceOf(request) };
  const { code } = asFirmwireError(error, log, facts);
  const isTheirs = HTTP_STATUS[code] < 500;
  const wait = isTheirs ? await throttle.failed(request.ip, subjectsOf(request, code)) : undefined;
  if (wait !== undefined) reply.header('Retry-After', wait);
  const told = wait === undefined ? code : 'throttled';
  log.debug({ ...facts, code, told }, 'a request of a device was refused');
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

/** The fields of the body, flat or inside `registration`. */
function fieldsOf(request: FastifyRequest): Record<string, unknown> | undefined {
  const body = readObject(request.body) ?? {};
  return (body['registration'] ?? body) as Record<string, unknown> | undefined;
}

/** The device that the request names. Anything else in its place is not logged: it might be a key. */
function deviceOf(request: FastifyRequest): { udid?: string } {
  const udid = fieldsOf(request)?.['udid'];
  return typeof udid === 'string' && isUdid(udid) ? { udid } : {};
}

/** What the request named and may be blamed: its token, its device, its key. */
function subjectsOf(request: FastifyRequest, code: ErrorCode): string[] {
  const inner = fieldsOf(request);
  const { ott } = request.query as Record<string, unknown>;
  const key = WRONG_KEY.has(code) ? keyOf(request) : undefined;
  const named = [ott, key, inner?.['udid'], inner?.['mac'], inner?.['ott']].flat();
  return named
    .filter((value): value is string => typeof value === 'string' && value !== '')
    .map((v) => v.slice(0, 256));
}
