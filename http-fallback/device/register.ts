import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isOwnerId, type Principal } from '../../core/account.js';
import { boundBy, type CertificateRule } from '../../core/certificate-rule.js';
import { type CheckIn, readCheckIn, registrationOf } from '../../core/checkin.js';
import { type Device, revised } from '../../core/device.js';
import { FirmwireError } from '../../core/errors.js';
import { cancelPayload, okPayload, plainUpdatePayload, updatePayload } from '../../core/payload.js';
import type { Clock } from '../../core/ports.js';
import type { Accounts } from '../../core/services/accounts.js';
import type { Desk } from '../../core/services/desk.js';
import type { Records } from '../../core/services/records.js';
import type { Registry } from '../../core/services/registry.js';
import { cancelTold } from '../../core/update.js';
import { deviceSpeaker, keyOf } from '../keys.js';
import { readObject } from './body.js';

export interface RegisterParts {
  readonly accounts: Accounts;
  readonly registry: Registry;
  readonly records: Records;
  readonly desk: Desk;
  readonly clock: Clock;
  /** Absent: no authority for certificates of devices is set. */
  readonly certificates?: CertificateRule | undefined;
}

/** `POST /device/register`: the check-in over HTTP (wire.md 4). It always gets its answer, an offer with a new token. */
export function registerRoutes(scope: FastifyInstance, parts: RegisterParts): void {
  scope.post(
    '/register',
    { schema: { tags: ['device protocol'], summary: 'Check-in (docs/wire.md 4)' } },
    async (request, reply) => {
      const told = factsOf(request.body);
      const known = await principalOf(request, told, parts.accounts);
      const principal = boundBy(known, parts.certificates, request.raw.socket);
      const facts = await ownFacts(told, principal, parts.registry);
      const { device, stored } = await parts.registry.register(principal.owner, facts);
      const text = await answer(device, facts, parts);
      // Nothing is acknowledged that is not stored.
      await stored;
      return reply.type('application/json').send(text);
    },
  );
}

function factsOf(body: unknown): CheckIn {
  if (typeof body !== 'string' || body.trim() === '') throw new FirmwireError('no_body');
  const registration = registrationOf(readObject(body));
  if (!registration) throw new FirmwireError('request_invalid');
  return readCheckIn(registration);
}

/** Who checks in; an owner named in the body must be the key's. The text received is never echoed. */
async function principalOf(request: FastifyRequest, facts: CheckIn, accounts: Accounts): Promise<Principal> {
  const key = keyOf(request);
  if (key === undefined) throw new FirmwireError('authentication_error');
  if (facts.owner !== undefined && !isOwnerId(facts.owner)) throw new FirmwireError('invalid owner');
  const principal = await deviceSpeaker(key, accounts);
  if (!principal) throw new FirmwireError('apikey_not_found');
  if (facts.owner !== undefined && facts.owner !== principal.owner) {
    throw new FirmwireError(
      (await accounts.isOwner(facts.owner)) ? 'owner_found_but_no_key' : 'invalid owner',
    );
  }
  return principal;
}

/**
 * What is told, by the only device that may speak with this key, if the key is bound to one.
 * @throws FirmwireError `key_of_other_device`
 */
async function ownFacts(
  facts: CheckIn,
  { owner, device: only }: Principal,
  registry: Registry,
): Promise<CheckIn> {
  if (only === undefined) return facts;
  const meant = facts.udid ?? (await registry.find(owner, facts))?.udid ?? only;
  if (meant !== only) throw new FirmwireError('key_of_other_device');
  return { ...facts, udid: only };
}

async function answer(
  device: Device,
  { fcid }: CheckIn,
  { desk, records, clock }: RegisterParts,
): Promise<string> {
  // HTTP cannot interrupt itself: nothing holds this offer back, and it is told by the answer.
  const outcome = await desk.consider(device.udid, { heldBackUntil: () => undefined, tell: async () => {} });
  const { udid } = device;
  if (outcome?.offer) {
    const { version, token } = outcome.offer;
    return fcid === undefined
      ? plainUpdatePayload(udid, version, token)
      : updatePayload(udid, version, token);
  }
  const { update } = (await records.get(udid)) ?? device;
  if (update?.cancelOwed && fcid === undefined) {
    await records.change(udid, (known) =>
      known.update ? revised(known, { update: cancelTold(known.update) }) : known,
    );
    return cancelPayload(udid, update.version);
  }
  return okPayload(outcome?.device ?? device, clock.now());
}
