import Fastify, { type FastifyInstance } from 'fastify';
import { FirmwireError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import { type ApiParts, apiRoutes } from './api/index.js';
import { answerBrokenRequest } from './broken-request.js';
import { type DeviceRoutesParts, deviceRoutes } from './device/index.js';
import { apiDocs } from './docs.js';
import { apiFailure } from './failures.js';
import { isOperation, type OperationsParts, operationRoutes } from './operations.js';
import { isRelay, type RelayRoutesParts, relayRoutes } from './relay/index.js';
import { requestIds, routeOf } from './request-facts.js';
import { ownersPage } from './rtm.js';
import { CONNECTIONS_CHECK_MS, isSecure } from './secure-port.js';
import { mqttOverWebSocket, type WebSocketParts } from './websocket.js';

export interface AppParts {
  readonly device: DeviceRoutesParts;
  readonly relay: RelayRoutesParts;
  readonly api: ApiParts;
  readonly webSocket: WebSocketParts;
  readonly operations: OperationsParts;
  /** Where the built page of the owner lies; without it there is none. */
  readonly pageFolder?: string | undefined;
  readonly meter: HttpMeter;
  readonly log: Log;
  readonly maxBodyBytes: number;
  /** False where a client at this address has to use TLS. */
  readonly mayBePlain?: (address: string | undefined) => boolean;
  /** The head of a request must have arrived within so many ms, and its body must not pause for longer. */
  readonly requestMs: number;
}

/** Counts the answers. Called for every one: returns at once. */
export interface HttpMeter {
  /**
   * An answer has left.
   * @param route the pattern of the address, such as `/api/v1/devices/:udid`; `none` where there is no such address
   */
  answered(method: string, route: string, status: number, ms: number): void;
}

/** Builds the HTTP side; it listens to nothing yet. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const { log, meter } = parts;
  const { state } = parts.operations;
  const app = Fastify({
    bodyLimit: parts.maxBodyBytes,
    // A limit on the whole request would cut slow uploads: the head is bounded, and so is silence.
    connectionTimeout: parts.requestMs,
    http: {
      headersTimeout: parts.requestMs,
      requestTimeout: 0,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    },
    exposeHeadRoutes: false,
    genReqId: requestIds(),
    // Who closes the app has waited for the downloads that may finish.
    forceCloseConnections: true,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: apiFailure(log),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
  });
  app.setErrorHandler(apiFailure(log));
  app.setNotFoundHandler(() => {
    throw new FirmwireError('not_found');
  });
  const { mayBePlain = () => true } = parts;
  // Hooks that wait for nothing take a callback: a promise for each costs every request.
  app.addHook('onRequest', (request, reply, done) => {
    if (isOperation(request)) return done();
    const { socket } = request.raw;
    if (!isSecure(socket) && !mayBePlain(socket.remoteAddress)) {
      reply.header('Connection', 'close');
      return done(new FirmwireError('tls_required'));
    }
    // What a gateway has begun may end as a download without one may.
    if (state() !== 'draining' || isRelay(request)) return done();
    reply.header('Connection', 'close').header('Retry-After', '5');
    done(new FirmwireError('draining'));
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { headers, method, raw } = request;
    meter.answered(method, routeOf(request), reply.statusCode, reply.elapsedTime);
    // An upgrade that is refused would leave its socket open: Node hands it over and never looks at it again.
    if (headers.upgrade !== undefined) raw.socket.end();
    done();
  });
  operationRoutes(app, parts.operations);
  await apiDocs(app);
  await app.register(deviceRoutes, { ...parts.device, prefix: '/device' });
  await app.register(relayRoutes, { ...parts.relay, prefix: '/relay' });
  await app.register(apiRoutes, { ...parts.api, prefix: '/api/v1' });
  await app.register(async (scope) => mqttOverWebSocket(scope, parts.webSocket));
  const { pageFolder } = parts;
  if (pageFolder !== undefined) await app.register(async (scope) => ownersPage(scope, pageFolder));
  return app;
}
