import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

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

/** The names of built files carry a digest of what is in them; the page that names them is asked for each time. */
const FOREVER = 'public, max-age=31536000, immutable';

/** The owner's page (RTM) at `/rtm/`: files that the build has made, and nothing that is made for a request. */
export async function ownersPage(app: FastifyInstance, root: string): Promise<void> {
  app.addHook('onSend', async (_request, reply) => {
    reply.headers(HEADERS);
  });
  await app.register(fastifyStatic, {
    root,
    prefix: '/rtm/',
    redirect: true,
    preCompressed: true,
    cacheControl: false,
    setHeaders: (response, path) => {
      response.setHeader('cache-control', path.includes('/assets/') ? FOREVER : 'no-cache');
    },
  });
  // Who types the server's address into a browser is an owner.
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/rtm/'));
}
