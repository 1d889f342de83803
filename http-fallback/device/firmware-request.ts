import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../../core/account.js';
import { boundBy, type CertificateRule } from '../../core/certificate-rule.js';
import { isRecord, readFlag, readText } from '../../core/checkin.js';
import { type Device, normaliseMac } from '../../core/device.js';
import { FirmwireError } from '../../core/errors.js';
import type { Accounts } from '../../core/services/accounts.js';
import type { Desk } from '../../core/services/desk.js';
import type { Registry } from '../../core/services/registry.js';
import { isUdid } from '../../core/topics.js';
import { deviceSpeaker, keyOf } from '../keys.js';
import { readObject } from './body.js';
import type { Transmitter } from './transmitter.js';

export interface FirmwareRequestParts {
  readonly accounts: Accounts;
  readonly registry: Registry;
  readonly desk: Desk;
  readonly transmitter: Transmitter;
  /** Absent: no authority for certificates of devices is set. */
  readonly certificates?: CertificateRule | undefined;
}

const PARAMETERS = ['mac', 'udid', 'owner', 'use', 'ott', 'forced', 'alias', 'env_hash'] as const;
type Parameters = Partial<Record<(typeof PARAMETERS)[number], string>>;

/** `POST /device/firmware` and `POST /device/` (wire.md 4): a token, or the firmware itself. */
export function firmwareRequestRoutes(scope: FastifyInstance, parts: FirmwareRequestParts): void {
  const schema = { tags: ['device protocol'], summary: 'A token, or the firmware itself (docs/wire.md 4)' };
  scope.post('/firmware', { schema }, (request, reply) => handle(request, reply, parts));
  scope.post('/', { schema }, (request, reply) => handle(request, reply, parts));
}

async function handle(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: FirmwareRequestParts,
): Promise<unknown> {
  const params = parametersOf(request.body);
  // A token is its own authorisation, here as on GET.
  if (params.ott !== undefined && params.use === undefined)
    return parts.transmitter.redeem(params.ott, request, reply);

  const known = await principalOf(request, parts.accounts);
  const principal = boundBy(known, parts.certificates, request.raw.socket);
  const device = await deviceOf(params, principal, parts.registry);
  const forced = readFlag(params.forced) === true;
  const offer = await parts.desk.request(device.udid, forced, storedParameters(params));
  if (!offer) return reply.send({ success: false, status: 'OK' });
  if (params.use === 'ott') return reply.send({ ott: offer.token });
  return parts.transmitter.redeem(offer.token, request, reply);
}

/** The fields, flat or inside `registration`. */
function parametersOf(body: unknown): Parameters {
  const whole = readObject(body) ?? {};
  const inner = isRecord(whole['registration']) ? whole['registration'] : whole;
  const entries = PARAMETERS.map((name) => [name, readText(inner[name] ?? whole[name])] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

async function principalOf(request: FastifyRequest, accounts: Accounts): Promise<Principal> {
  const principal = await deviceSpeaker(keyOf(request), accounts);
  if (!principal) throw new FirmwireError('authentication');
  return principal;
}

/**
 * The device that asks. A token is asked for by API key alone, so there a UDID is as good as a MAC.
 * @throws FirmwireError `missing_mac`, `no_such_device`, `key_of_other_device`
 */
async function deviceOf(
  params: Parameters,
  { owner, device: only }: Principal,
  registry: Registry,
): Promise<Device> {
  const mac = normaliseMac(params.mac);
  const udid = params.udid !== undefined && isUdid(params.udid) ? params.udid : undefined;
  if (mac === undefined && (params.use !== 'ott' || udid === undefined))
    throw new FirmwireError('missing_mac');
  const facts = { ...(udid === undefined ? {} : { udid }), ...(mac === undefined ? {} : { mac }) };
  const device = await registry.find(owner, facts);
  if (!device) throw new FirmwireError('no_such_device');
  if (only !== undefined && device.udid !== only) throw new FirmwireError('key_of_other_device');
  return device;
}

/** What of the request is stored with its token. */
const storedParameters = (params: Parameters): Record<string, string> => {
  // The token is bound to its device; a token inside a token's parameters would be a secret in clear.
  const { ott: _ott, ...rest } = params;
  return rest;
};
