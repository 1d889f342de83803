import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../core/account.js';
import { FirmwireError } from '../core/errors.js';
import type { Accounts } from '../core/services/accounts.js';

const BEARER = /^Bearer +(\S+)$/i;

/** What a request sends as `Authorization: Bearer` (RFC 6750). */
export const bearerOf = ({ headers }: { headers: IncomingHttpHeaders }): string | undefined =>
  BEARER.exec(headers.authorization ?? '')?.[1];

/** The API key of a request: the header `Authentication` of THiNX devices, or `Authorization: Bearer` (RFC 6750). */
export function keyOf(request: { headers: IncomingHttpHeaders }): string | undefined {
  const { authentication } = request.headers;
  const plain = Array.isArray(authentication) ? authentication[0] : authentication;
  const key = plain?.trim() || bearerOf(request);
  return key === '' ? undefined : key;
}

/**
 * The owner who is speaking.
 * @throws FirmwireError `unauthorized`; `forbidden` for a device key
 */
export async function ownerOf(request: FastifyRequest, accounts: Accounts): Promise<Principal> {
  const key = keyOf(request);
  const principal = key === undefined ? undefined : await accounts.verify(key);
  if (!principal) throw new FirmwireError('unauthorized');
  if (principal.scope !== 'owner') throw new FirmwireError('forbidden');
  return principal;
}
