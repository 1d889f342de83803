import type { Log } from '../../core/ports.js';
import type { Signers } from '../../core/services/signers.js';
import type { Signer } from '../../core/signing/keys.js';
import { iso } from '../../core/view.js';
import { requestFacts } from '../request-facts.js';
import { IdParams, SignerAnswer, SignerBody, SignerList } from './schemas.js';
import type { ApiScope } from './scope.js';

export interface SignerApiParts {
  readonly signers: Signers;
  readonly log: Log;
}

const tags = ['signers'];

const show = ({ id, alias, publicKey, createdAt }: Signer) => ({
  id,
  alias,
  publicKey,
  createdAt: iso(createdAt),
});

/** `/api/v1/signers`: whose signatures under firmware count. */
export function signerApi(scope: ApiScope, { signers, log }: SignerApiParts): void {
  scope.get(
    '/signers',
    { schema: { tags, summary: 'The keys that you trust to sign firmware', response: { 200: SignerList } } },
    async ({ principal }) => ({ signers: (await signers.list(principal.owner)).map(show) }),
  );

  scope.post(
    '/signers',
    {
      schema: {
        tags,
        summary: 'Trust a key; several may be trusted at once',
        body: SignerBody,
        response: { 201: SignerAnswer },
      },
    },
    async (request, reply) => {
      const { alias, publicKey } = request.body;
      const signer = await signers.add(request.principal.owner, alias, publicKey);
      log.info({ ...requestFacts(request), id: signer.id }, 'a signing key is trusted');
      return reply.code(201).send({ signer: show(signer) });
    },
  );

  scope.delete(
    '/signers/:id',
    {
      schema: {
        tags,
        summary: 'Trust a key no longer: what it signed is offered no more, downloads of it are cut',
        params: IdParams,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await signers.remove(request.principal.owner, id);
      log.info({ ...requestFacts(request), id }, 'a signing key is trusted no longer');
      return reply.code(204).send();
    },
  );
}
