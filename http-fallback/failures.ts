import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, FirmwireError } from '../core/errors.js';
import type { Log } from '../core/ports.js';
import { type RequestFacts, requestFacts } from './request-facts.js';
import { HTTP_STATUS } from './status.js';

/** What Fastify's own errors are called by us; everything it does not name is a bad request or ours to answer for. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_VALIDATION: 'field_invalid',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'upload_invalid',
  FST_PARTS_LIMIT: 'upload_invalid',
  FST_FILES_LIMIT: 'upload_invalid',
  FST_FIELDS_LIMIT: 'upload_invalid',
  FST_PROTO_VIOLATION: 'upload_invalid',
  FST_REQ_FILE_TOO_LARGE: 'image_too_large',
  FST_ERR_NOT_FOUND: 'not_found',
  FST_ERR_BAD_URL: 'url_invalid',
  // The client went away in the middle of its request; nobody will read the answer.
  ECONNRESET: 'body_invalid',
};

/**
 * Makes a failure ours: what we do not know becomes `internal`, told to the log and not to the client.
 * @param facts what the log is told of the request
 */
export function asFirmwireError(error: unknown, log: Log, facts: RequestFacts): FirmwireError {
  if (error instanceof FirmwireError) return error;
  const { code, statusCode, message } = error as Partial<FastifyError>;
  const known = code === undefined ? undefined : FASTIFY_CODES[code];
  if (known === 'field_invalid') return new FirmwireError(known, message);
  if (known) return new FirmwireError(known);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new FirmwireError('body_invalid');
  log.error({ ...facts, err: error }, 'a request failed');
  return new FirmwireError('internal');
}

/** Answers an owner: `{"error":{"code","message"}}`. */
export const apiFailure =
  (log: Log) =>
  async (error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const facts = requestFacts(request);
    const { code, message } = asFirmwireError(error, log, facts);
    log.debug({ ...facts, code }, 'a request was refused');
    if (code === 'unauthorized') reply.header('WWW-Authenticate', 'Bearer');
    await reply.code(HTTP_STATUS[code]).send({ error: { code, message } });
  };
