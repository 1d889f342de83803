import type { FastifyInstance } from 'fastify';
import { isRecord } from '../../core/checkin.js';
import { FirmwireError } from '../../core/errors.js';
import type { JsonBound } from '../../core/json-bound.js';

/** Bodies of devices arrive as text, whatever their Content-Type says: some send none, some a wrong one. */
export function takeAnyBody(scope: FastifyInstance, json: JsonBound): void {
  scope.removeAllContentTypeParsers();
  scope.addHook('onRequest', ({ raw }, _reply, done) => {
    // One that cannot even be read would be refused before any parser is asked.
    raw.headers['content-type'] = 'text/plain';
    done();
  });
  scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (json.allows(body)) done(null, body);
    else done(new FirmwireError('body_invalid'));
  });
}

/** The JSON object in a device's body, or undefined if there is none. */
export function readObject(body: unknown): Record<string, unknown> | undefined {
  if (typeof body !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
