import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FirmwireError } from '../../core/errors.js';
import type { JsonBound } from '../../core/json-bound.js';
import { boundBody } from '../bound-body.js';
import { readObject, takeAnyBody } from '../device/body.js';
import { answerFailure, type FailureParts } from '../device/failure.js';
import { type BodyParts, sendBody } from './body.js';
import type { Relays } from './relays.js';

export interface RelayRoutesParts extends BodyParts, FailureParts {
  readonly relays: Relays;
  /** A request must have arrived whole within so many ms. */
  readonly requestMs: number;
  readonly json: JsonBound;
}

interface Attempt {
  readonly Params: { readonly attempt: string };
}

const schema = {
  tags: ['gateway protocol'],
  summary: 'One attempt, carried out by a gateway (docs/gateway.md)',
};

/** True for what gateways say about attempts. */
export const isRelay = ({ routeOptions }: FastifyRequest): boolean =>
  routeOptions.url?.startsWith('/relay/') === true;

/** What a gateway says about an attempt it has a ticket for, below `/relay` (docs/gateway.md). */
export async function relayRoutes(scope: FastifyInstance, parts: RelayRoutesParts): Promise<void> {
  const { relays } = parts;
  takeAnyBody(scope, parts.json);
  boundBody(scope, parts.requestMs);
  scope.setErrorHandler((error, request, reply) => answerFailure(error, request, reply, parts));
  scope.get<Attempt>('/:attempt/body', { schema }, (request, reply) =>
    sendBody(relays.get(request.params.attempt), request, reply, parts),
  );
  scope.post<Attempt>('/:attempt/progress', { schema }, async ({ params, body }, reply) => {
    const relayed = relays.get(params.attempt);
    return answer(reply, await relayed.progress(sentIn(body)));
  });
  scope.post<Attempt>('/:attempt/last', { schema }, async ({ params }, reply) =>
    answer(reply, await relays.get(params.attempt).last()),
  );
  scope.post<Attempt>('/:attempt/end', { schema }, async ({ params, body }, reply) => {
    const relayed = relays.get(params.attempt);
    const { whole } = readObject(body) ?? {};
    return answer(reply, await relayed.end(sentIn(body), whole === true));
  });
}

/** @throws FirmwireError `attempt_over` */
function answer(reply: FastifyReply, goesOn: boolean): FastifyReply {
  if (!goesOn) throw new FirmwireError('attempt_over');
  return reply.code(204).send();
}

/** @throws FirmwireError `field_invalid` */
function sentIn(body: unknown): number {
  const sent = readObject(body)?.['sent'];
  if (!Number.isSafeInteger(sent) || Number(sent) < 0)
    throw new FirmwireError('field_invalid', '"sent" must be a number of bytes.');
  return Number(sent);
}
