import { timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sha256 } from '../core/account.js';
import { FirmwireError } from '../core/errors.js';
import { bearerOf } from './keys.js';

/** Why a server takes no work. */
export type NotReady = 'starting' | 'draining' | 'store_unavailable' | 'store_emptied';

export interface OperationsParts {
  /** What the process is doing. */
  readonly state: () => 'starting' | 'open' | 'draining';
  /** Whether it takes work now. */
  readonly readiness: () => 'ready' | NotReady;
  /** The metrics as text, and the Content-Type that says which format it is. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** Who sends this may read the metrics from elsewhere; empty: nobody may. */
  readonly metricsToken: string;
}

/** Addresses that are answered whatever the server is doing. */
const ALWAYS: ReadonlySet<string | undefined> = new Set(['/health', '/ready', '/metrics']);

/** True for what must be answered while the server drains, too. */
export const isOperation = ({ routeOptions }: FastifyRequest): boolean => ALWAYS.has(routeOptions.url);

/** `/health`, `/ready` and `/metrics`, for whoever runs the server (docs/operations.md). */
export function operationRoutes(app: FastifyInstance, parts: OperationsParts): void {
  const { state, readiness, metrics } = parts;
  const schema = { hide: true };
  app.get('/health', { schema }, (_request, reply) => {
    const now = state();
    reply.header('Cache-Control', 'no-store').send({ status: now === 'open' ? 'ok' : now });
  });
  app.get('/ready', { schema }, (_request, reply) => {
    const word = readiness();
    reply.header('Cache-Control', 'no-store');
    if (word === 'ready') reply.send({ status: 'ready' });
    else reply.code(503).send({ status: 'not_ready', reason: word });
  });
  app.get('/metrics', { schema }, async (request, reply) => {
    if (!isLocal(request) && !hasToken(request, parts.metricsToken))
      throw new FirmwireError('unauthorized', 'From here, Authorization: Bearer <metrics.token> is needed.');
    return reply
      .type(metrics.contentType)
      .header('Cache-Control', 'no-store')
      .send(await metrics.text());
  });
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for a program on this machine; what a proxy on this machine hands on comes from elsewhere. */
function isLocal({ headers, raw: { socket } }: FastifyRequest): boolean {
  if (headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined) return false;
  const { remoteAddress: address = '' } = socket;
  // BlockList knows ::ffff:127.0.0.1 for the IPv4 address that it is.
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Digests are compared, which are of one length, so that the time it takes tells nothing. */
function hasToken(request: FastifyRequest, token: string): boolean {
  const sent = bearerOf(request);
  if (token === '' || sent === undefined) return false;
  return timingSafeEqual(Buffer.from(sha256(sent)), Buffer.from(sha256(token)));
}
