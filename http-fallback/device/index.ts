import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, FirmwireError } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import { boundBody } from '../bound-body.js';
import { asFirmwireError } from '../failures.js';
import { keyOf } from '../keys.js';
import { HTTP_STATUS } from '../status.js';
import type { Throttle } from '../throttle.js';
import { readObject, takeAnyBody } from './body.js';
import { downloadRoutes } from './download.js';
import { type FirmwareRequestParts, firmwareRequestRoutes } from './firmware-request.js';
import { type RegisterParts, registerRoutes } from './register.js';

export interface DeviceRoutesParts extends RegisterParts, FirmwareRequestParts {
  readonly throttle: Throttle;
  /** A request must have arrived whole within so many ms. */
  readonly requestMs: number;
  readonly log: Log;
}

/** Everything devices use over HTTP, below `/device` (wire.md 4). Every answer closes its socket and is never chunked. */
export async function deviceRoutes(scope: FastifyInstance, parts: DeviceRoutesParts): Promise<void> {
  takeAnyBody(scope);
  boundBody(scope, parts.requestMs);
  scope.addHook('onRequest', async (_request, reply) => {
    reply.header('Connection', 'close');
    // Head and body together should fit one small segment.
    reply.raw.sendDate = false;
  });
  scope.setNotFoundHandler(() => {
    throw new FirmwireError('not_found');
  });
  scope.setErrorHandler((error, request, reply) => fail(error, request, reply, parts));
  registerRoutes(scope, parts);
  firmwareRequestRoutes(scope, parts);
  downloadRoutes(scope, parts.transmitter);
}

/** Answers a failure as it is, or 429 to whoever fails too often. */
async function fail(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { throttle, log }: DeviceRoutesParts,
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
