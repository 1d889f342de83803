import { join, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, onSendAsyncHookHandler } from 'fastify';
import { FirmwireError } from '../core/errors.js';

/**
 * Only what comes from this server runs, is shown or is asked (Content Security Policy Level 3); nobody may frame the
 * page. `data:` is for the small pictures inside the style sheet.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

const PREFIX = '/rtm';
const PAGE = `${PREFIX}/`;
const NOT_BUILT = 'The page has not been built: "npm run build" in the folder of the server makes it.';

/** The names of built files carry a digest of what is in them; the page that names them is asked for each time. */
const FOREVER = 'public, max-age=31536000, immutable';

/** The owner's page (RTM) at `/rtm/`: files that the build has made, and nothing that is made for a request. */
export async function ownersPage(app: FastifyInstance, root: string): Promise<void> {
  const secured: onSendAsyncHookHandler = async (_request, reply) => {
    reply.headers(HEADERS);
  };
  app.addHook('onSend', secured);
  // Who types the server's address into a browser is an owner.
  for (const url of ['/', PREFIX])
    app.route({
      method: ['GET', 'HEAD'],
      url,
      schema: { hide: true },
      handler: (_request, reply) => reply.redirect(PAGE),
    });
  await app.register(async (scope) => files(scope, root), { prefix: PREFIX });
}

async function files(app: FastifyInstance, root: string): Promise<void> {
  // A handler of its own: the app's would answer without the headers of the page.
  app.setNotFoundHandler(({ method, url }) => {
    const isPage = (method === 'GET' || method === 'HEAD') && url.split('?')[0] === PAGE;
    throw isPage ? new FirmwireError('not_found', NOT_BUILT) : new FirmwireError('not_found');
  });
  const assets = join(root, 'assets') + sep;
  await app.register(fastifyStatic, {
    root,
    prefix: '/',
    preCompressed: true,
    cacheControl: false,
    setHeaders: (response, path) => {
      response.setHeader('cache-control', path.startsWith(assets) ? FOREVER : 'no-cache');
      response.setHeader('vary', 'accept-encoding');
    },
  });
}
