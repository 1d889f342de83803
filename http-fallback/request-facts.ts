import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../core/account.js';

/** What a line of the log says about a request: never its address as it came, which may hold a token. */
export interface RequestFacts {
  /** The request's id; owners get it as `x-request-id`. */
  readonly req: string;
  readonly route: string;
  /** The beginning of the owner's id, if one is known. */
  readonly owner?: string;
}

/** The pattern of a request's address; `none` where there is no such address. */
export const routeOf = ({ routeOptions }: FastifyRequest): string => routeOptions.url ?? 'none';

export function requestFacts(request: FastifyRequest): RequestFacts {
  const { owner } = (request.principal as Principal | undefined) ?? {};
  const route = `${request.method} ${routeOf(request)}`;
  return { req: request.id, route, ...(owner !== undefined && { owner: shortOwner(owner) }) };
}

/** Enough of an owner's id to tell owners apart. */
export const shortOwner = (owner: string): string => owner.slice(0, 8);

/** Makes ids for requests: different at every start and on every node, and cheap. */
export function requestIds(): () => string {
  const start = randomBytes(4).toString('hex');
  let count = 0;
  return () => `${start}-${(++count).toString(36)}`;
}
