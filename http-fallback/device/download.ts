import type { FastifyInstance } from 'fastify';
import { FirmwireError } from '../../core/errors.js';
import type { Transmitter } from './transmitter.js';

/** `GET /device/firmware?ott=<T>`: needs no authentication but the token (wire.md 4). */
export function downloadRoutes(scope: FastifyInstance, transmitter: Transmitter): void {
  scope.get<{ Querystring: { ott?: string | string[] } }>(
    '/firmware',
    { schema: { tags: ['device protocol'], summary: 'Redeem a one-time token (docs/wire.md 6)' } },
    async (request, reply) => {
      const { ott } = request.query;
      const token = Array.isArray(ott) ? ott[0] : ott;
      if (!token) throw new FirmwireError('OTT_MISSING');
      return transmitter.redeem(token, request, reply);
    },
  );
}
