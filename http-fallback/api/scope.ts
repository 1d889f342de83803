import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { Principal } from '../../core/account.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route below /api/v1: the owner who is speaking. */
    principal: Principal;
  }
}

/** A Fastify scope whose schemas give its handlers their types. */
export type ApiScope = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
