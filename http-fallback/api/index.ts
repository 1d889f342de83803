import multipart from '@fastify/multipart';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { FirmwireError } from '../../core/errors.js';
import type { JsonBound } from '../../core/json-bound.js';
import type { Log } from '../../core/ports.js';
import type { Accounts } from '../../core/services/accounts.js';
import { boundBody } from '../bound-body.js';
import { apiFailure } from '../failures.js';
import { ownerOf } from '../keys.js';
import { type DeviceApiParts, deviceApi } from './devices.js';
import { type FirmwareApiParts, firmwareApi } from './firmware.js';
import { keyApi } from './keys.js';
import { type NoticeApiParts, noticeApi } from './notices.js';
import type { ApiScope } from './scope.js';
import { type SignerApiParts, signerApi } from './signers.js';

export interface ApiParts extends DeviceApiParts, FirmwareApiParts, NoticeApiParts, SignerApiParts {
  readonly accounts: Accounts;
  readonly log: Log;
  /** A request that is no upload must have arrived whole within so many ms. */
  readonly requestMs: number;
  readonly json: JsonBound;
}

/** Fastify's own parser, behind a bound. */
function boundJson(scope: FastifyInstance, json: JsonBound): void {
  const parse = scope.getDefaultJsonParser('error', 'error');
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (json.allows(body)) return parse(request, body, done);
    done(new FirmwireError('body_invalid', 'The JSON is nested too deeply.'));
  });
}

/** The owner's side, below `/api/v1`: every route needs an owner key. */
export async function apiRoutes(scope: FastifyInstance, parts: ApiParts): Promise<void> {
  await scope.register(multipart, { preservePath: true });
  scope.setErrorHandler(apiFailure(parts.log));
  boundBody(scope, parts.requestMs, (request) => request.isMultipart());
  boundJson(scope, parts.json);
  // Owners can name a request that went wrong. Devices get no header they do not need.
  scope.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  const api: ApiScope = scope.withTypeProvider<TypeBoxTypeProvider>();
  api.addHook('onRequest', async (request) => {
    request.principal = await ownerOf(request, parts.accounts);
  });
  api.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, security: [{ ownerKey: [] }] };
  });
  deviceApi(api, parts);
  firmwareApi(api, parts);
  noticeApi(api, parts);
  keyApi(api, parts);
  signerApi(api, parts);
}
