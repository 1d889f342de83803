import { type ApiKey, keyId } from '../../core/account.js';
import type { Log } from '../../core/ports.js';
import type { Accounts } from '../../core/services/accounts.js';
import { requestFacts } from '../request-facts.js';
import { IdParams, KeyBody, KeyList, NewKeyAnswer, RotateBody, RotatedAnswer } from './schemas.js';
import type { ApiScope } from './scope.js';

const tags = ['keys'];

const DAY_SECONDS = 86_400;

const iso = (ms: number): string => new Date(ms).toISOString();

const show = ({ hash, alias, scope, createdAt, expiresAt, device }: ApiKey) => ({
  id: keyId(hash),
  alias,
  scope,
  createdAt: iso(createdAt),
  expiresAt: expiresAt === undefined ? null : iso(expiresAt),
  device: device ?? null,
});

/** `/api/v1/keys`. */
export function keyApi(scope: ApiScope, { accounts, log }: { accounts: Accounts; log: Log }): void {
  scope.get(
    '/keys',
    { schema: { tags, summary: 'Your API keys, without their secrets', response: { 200: KeyList } } },
    async ({ principal }) => ({ keys: (await accounts.listKeys(principal.owner)).map(show) }),
  );

  scope.post(
    '/keys',
    {
      schema: {
        tags,
        summary: 'Make an API key; its secret is shown once',
        body: KeyBody,
        response: { 201: NewKeyAnswer },
      },
    },
    async (request, reply) => {
      const { principal, body } = request;
      const { expiresAt, ...wish } = body;
      const { key, secret } = await accounts.addKey(principal.owner, {
        ...wish,
        ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }),
      });
      log.info({ ...requestFacts(request), id: keyId(key.hash), scope: key.scope }, 'an API key was made');
      return reply.code(201).send({ key: { ...show(key), secret } });
    },
  );

  scope.post(
    '/keys/:id/rotate',
    {
      schema: {
        tags,
        summary: 'Make the next key for what uses this one, which ends a while later',
        params: IdParams,
        body: RotateBody,
        response: { 201: RotatedAnswer },
      },
    },
    async (request, reply) => {
      const { principal, body, params } = request;
      const overlapMs = (body?.overlapSeconds ?? DAY_SECONDS) * 1000;
      const { key, secret, replaced } = await accounts.rotateKey(principal.owner, params.id, overlapMs);
      log.info(
        { ...requestFacts(request), id: params.id, by: keyId(key.hash), ends: show(replaced).expiresAt },
        'an API key was rotated',
      );
      return reply.code(201).send({ key: { ...show(key), secret }, replaced: show(replaced) });
    },
  );

  scope.delete(
    '/keys/:id',
    { schema: { tags, summary: 'Revoke a key; the sessions opened with it end', params: IdParams } },
    async (request, reply) => {
      const { id } = request.params;
      await accounts.revokeKey(request.principal.owner, id);
      log.info({ ...requestFacts(request), id }, 'an API key was revoked');
      return reply.code(204).send();
    },
  );
}
