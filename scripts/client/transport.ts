import { isRecord } from '../../core/checkin.js';
import { ApiError } from './errors.js';

/** One call of the owner API. `json` and `stream` exclude each other. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query, already escaped. */
  readonly path: string;
  readonly json?: unknown;
  readonly stream?: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: AsyncIterable<Uint8Array>;
  };
  readonly signal?: AbortSignal;
}

/** Makes calls and hands back the answer's JSON object, `{}` for an answer without a body. Throws ApiError. */
export type Transport = (call: Call) => Promise<Record<string, unknown>>;

function bodyOf(call: Call): Pick<RequestInit, 'body' | 'duplex' | 'headers'> {
  if (call.stream) return { body: call.stream.body, duplex: 'half', headers: { ...call.stream.headers } };
  if (call.json === undefined) return {};
  return { body: JSON.stringify(call.json), headers: { 'content-type': 'application/json' } };
}

function unreachable(baseUrl: string, error: unknown): ApiError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new ApiError(0, 'unreachable', `No answer from ${baseUrl}: ${reason}`, { cause: error });
}

function readObject(text: string, status: number): Record<string, unknown> {
  if (text === '') return {};
  try {
    const body: unknown = JSON.parse(text);
    if (isRecord(body)) return body;
  } catch {
    // Told below, together with JSON that is no object.
  }
  throw new ApiError(status, 'bad_answer', `The answer (HTTP ${status}) is not from a Firmwire server.`);
}

function refusal(status: number, body: Record<string, unknown>): ApiError {
  const error = isRecord(body['error']) ? body['error'] : {};
  const { code, message } = error;
  return new ApiError(
    status,
    typeof code === 'string' ? code : 'bad_answer',
    typeof message === 'string' ? message : `The server answered HTTP ${status}.`,
  );
}

/** A transport over the global fetch. `baseUrl` has no path; the key goes into `Authorization: Bearer`. */
export function fetchTransport(baseUrl: string, key: string): Transport {
  return async (call) => {
    const { headers, ...body } = bodyOf(call);
    let status: number;
    let text: string;
    try {
      const response = await fetch(new URL(call.path, baseUrl), {
        method: call.method,
        headers: { accept: 'application/json', authorization: `Bearer ${key}`, ...headers },
        redirect: 'error',
        ...body,
        ...(call.signal && { signal: call.signal }),
      });
      status = response.status;
      text = await response.text();
    } catch (error) {
      if (call.signal?.aborted) throw error;
      throw unreachable(baseUrl, error);
    }
    const answer = readObject(text, status);
    if (status < 200 || status > 299) throw refusal(status, answer);
    return answer;
  };
}
