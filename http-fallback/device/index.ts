import type { FastifyInstance } from 'fastify';
import { FirmwireError } from '../../core/errors.js';
import type { JsonBound } from '../../core/json-bound.js';
import { boundBody } from '../bound-body.js';
import { asksForTicket } from '../relay/ticket.js';
import { takeAnyBody } from './body.js';
import { downloadRoutes } from './download.js';
import { answerFailure, type FailureParts } from './failure.js';
import { type FirmwareRequestParts, firmwareRequestRoutes } from './firmware-request.js';
import { type RegisterParts, registerRoutes } from './register.js';

export interface DeviceRoutesParts extends RegisterParts, FirmwareRequestParts, FailureParts {
  /** A request must have arrived whole within so many ms. */
  readonly requestMs: number;
  readonly json: JsonBound;
}

/** Everything devices use over HTTP, below `/device` (wire.md 4). Every answer closes its socket and is never chunked. */
export async function deviceRoutes(scope: FastifyInstance, parts: DeviceRoutesParts): Promise<void> {
  takeAnyBody(scope, parts.json);
  boundBody(scope, parts.requestMs);
  scope.addHook('onRequest', (request, reply, done) => {
    // A gateway closes the device's connection itself, and needs its own again.
    if (!asksForTicket(request)) reply.header('Connection', 'close');
    // Head and body together should fit one small segment.
    reply.raw.sendDate = false;
    done();
  });
  scope.setNotFoundHandler(() => {
    throw new FirmwireError('not_found');
  });
  scope.setErrorHandler((error, request, reply) => answerFailure(error, request, reply, parts));
  registerRoutes(scope, parts);
  firmwareRequestRoutes(scope, parts);
  downloadRoutes(scope, parts.transmitter);
}
