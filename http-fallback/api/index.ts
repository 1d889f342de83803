import multipart from '@fastify/multipart';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
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
}

/** The owner's side, below `/api/v1`: every route needs an owner key. */
export async function apiRoutes(scope: FastifyInstance, parts: ApiParts): Promise<void> {
  await scope.register(multipart, { preservePath: true });
  scope.setErrorHandler(apiFailure(parts.log));
  boundBody(scope, parts.requestMs, (request) => request.isMultipart());
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
