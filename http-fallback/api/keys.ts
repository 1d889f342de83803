import { type ApiKey, keyId } from '../../core/account.js';
import type { Log } from '../../core/ports.js';
import type { Accounts } from '../../core/services/accounts.js';
import { requestFacts } from '../request-facts.js';
import { IdParams, KeyBody, KeyList, NewKeyAnswer } from './schemas.js';
import type { ApiScope } from './scope.js';

const tags = ['keys'];

const show = ({ hash, alias, scope, createdAt }: ApiKey) => ({
  id: keyId(hash),
  alias,
  scope,
  createdAt: new Date(createdAt).toISOString(),
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
      const { key, secret } = await accounts.addKey(principal.owner, body.alias, body.scope);
      log.info({ ...requestFacts(request), id: keyId(key.hash), scope: key.scope }, 'an API key was made');
      return reply.code(201).send({ key: { ...show(key), secret } });
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
