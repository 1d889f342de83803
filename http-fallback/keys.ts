import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Principal, Scope } from '../core/account.js';
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

/** What a key of each scope may ask of the owner API. */
const MAY: Readonly<Record<Scope, (request: FastifyRequest) => boolean>> = {
  owner: () => true,
  read: ({ method }) => method === 'GET' || method === 'HEAD',
  publish: ({ method, routeOptions }) =>
    method !== 'DELETE' && (routeOptions.url ?? '').startsWith('/api/v1/firmware'),
  device: () => false,
};

/**
 * Who speaks as a device: with a device key, or with an owner key, which opens everything.
 * @returns undefined for no key, or one that does not let anybody speak as a device
 */
export async function deviceSpeaker(
  key: string | undefined,
  accounts: Accounts,
): Promise<Principal | undefined> {
  const principal = key === undefined ? undefined : await accounts.verify(key);
  return principal?.scope === 'device' || principal?.scope === 'owner' ? principal : undefined;
}

/**
 * The owner who is speaking, or somebody with a key that may ask this.
 * @throws FirmwireError `unauthorized`; `forbidden` for a key whose scope does not open this address
 */
export async function ownerOf(request: FastifyRequest, accounts: Accounts): Promise<Principal> {
  const key = keyOf(request);
  const principal = key === undefined ? undefined : await accounts.verify(key);
  if (!principal) throw new FirmwireError('unauthorized');
  if (!MAY[principal.scope](request)) throw new FirmwireError('forbidden');
  return principal;
}
