import { isRecord } from '../../core/checkin.js';
import type { Span } from '../../core/coverage.js';

/** A request with this header, and the value `1`, comes from a gateway: it gets a ticket in the place of a body. */
export const RELAY_HEADER = 'firmwire-relay';

/** The Content-Type of a ticket; an answer with another one is the device's. */
export const TICKET_TYPE = 'application/vnd.firmwire.ticket+json';

/** How one body is to be handed to a device by a gateway (docs/gateway.md). */
export interface Ticket {
  /** Names the attempt: 43 characters that nobody can guess, and the right to go on with it. */
  readonly attempt: string;
  /** What the device is to be answered, to the byte. */
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string | number>>;
  /** The whole body. */
  readonly sha256: string;
  readonly size: number;
  /** The part of it that the device asked for. */
  readonly span: Span;
  /** An attempt that does not move for so many ms ends. */
  readonly idleMs: number;
}

/** True for a request that wants a ticket. */
export const asksForTicket = ({ headers }: { headers: NodeJS.Dict<string | string[]> }): boolean =>
  headers[RELAY_HEADER] === '1';

/** Reads a ticket; undefined for anything that is none. */
export function readTicket(text: string): Ticket | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isTicket(value) ? value : undefined;
}

function isTicket(value: unknown): value is Ticket {
  if (!isRecord(value)) return false;
  const { attempt, status, headers, sha256, size, span, idleMs } = value;
  return (
    matches(attempt, /^[\w-]{43}$/) &&
    (status === 200 || status === 206) &&
    isRecord(headers) &&
    Object.values(headers).every((item) => typeof item === 'number' || typeof item === 'string') &&
    matches(sha256, /^[0-9a-f]{64}$/) &&
    isCount(size) &&
    isCount(idleMs) &&
    isSpan(span, size)
  );
}

const matches = (value: unknown, pattern: RegExp): boolean =>
  typeof value === 'string' && pattern.test(value);

function isSpan(value: unknown, size: number): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [start, end]: unknown[] = value;
  return isCount(start) && isCount(end) && start < end && end <= size;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
