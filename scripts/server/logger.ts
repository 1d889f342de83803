import pino from 'pino';
import type { Log } from '../../core/ports.js';
import type { Settings } from '../config/schema.js';

/** Nothing in the code logs any of these. Whoever does by mistake logs `[secret]`. */
const SECRETS = [
  'password',
  'token',
  'ott',
  'key',
  'ownerKey',
  'deviceKey',
  'secret',
  'authorization',
  'authentication',
  'headers.authorization',
  'headers.authentication',
  'headers.cookie',
];

/**
 * What a line says about an error. Its other members stay out: those of a library may hold what it was doing, such as
 * ioredis' `command` with the password of the store.
 */
function shown(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { type, message, stack } = pino.stdSerializers.err(error);
  const code = 'code' in error ? error.code : undefined;
  const isCode = typeof code === 'string' || typeof code === 'number';
  return { type, ...(isCode && { code }), message, stack };
}

/** Writes each line as JSON (docs/operations.md). @param to standard error, if nothing else is said */
export function createLog(
  level: Settings['log']['level'],
  to: pino.DestinationStream = pino.destination(2),
): Log {
  return pino({ level, serializers: { err: shown }, redact: { paths: SECRETS, censor: '[secret]' } }, to);
}
