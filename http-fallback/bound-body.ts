import type { FastifyInstance, FastifyRequest } from 'fastify';

/**
 * Cuts a request whose body has not arrived whole in time: one that sends a byte now and then would hold its
 * connection for ever. Not for uploads, which may take the time of their bytes.
 */
export function boundBody(
  scope: FastifyInstance,
  ms: number,
  isExempt: (request: FastifyRequest) => boolean = () => false,
): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  const clear = (request: FastifyRequest): void => clearTimeout(timers.get(request));

  scope.addHook('onRequest', async (request) => {
    if (isExempt(request)) return;
    timers.set(
      request,
      setTimeout(() => request.raw.destroy(), ms),
    );
  });
  scope.addHook('preValidation', async (request) => clear(request));
  scope.addHook('onResponse', async (request) => clear(request));
  scope.addHook('onRequestAbort', async (request) => clear(request));
}
