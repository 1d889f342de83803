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

  scope.addHook('onRequest', (request, _reply, done) => {
    if (!isExempt(request))
      timers.set(
        request,
        setTimeout(() => request.raw.destroy(), ms),
      );
    done();
  });
  scope.addHook('preValidation', (request, _reply, done) => {
    clear(request);
    done();
  });
  scope.addHook('onResponse', (request, _reply, done) => {
    clear(request);
    done();
  });
  scope.addHook('onRequestAbort', (request, done) => {
    clear(request);
    done();
  });
}
