import { isRecord } from '../../core/checkin.js';
import type { EventFacts } from '../../core/services/owner-feed.js';

/** One message on the events topic. */
export interface OwnerEvent extends EventFacts {
  /** `published`, `asked`, `downloading`, `installed`...; newer servers may know more. */
  readonly event: string;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly at: number;
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Reads an event; undefined if it is none. Members of a wrong type are left out. */
export function readOwnerEvent(payload: Uint8Array): OwnerEvent | undefined {
  const body = parse(payload);
  if (!isRecord(body)) return undefined;
  const { event, at, udid, alias, version, firmware, progress, error } = body;
  if (typeof event !== 'string' || typeof at !== 'number') return undefined;
  return {
    event,
    at,
    ...(typeof udid === 'string' && { udid }),
    ...(typeof alias === 'string' && { alias }),
    ...(typeof version === 'string' && { version }),
    ...(typeof firmware === 'string' && { firmware }),
    ...(typeof progress === 'number' && { progress }),
    ...(typeof error === 'string' && { error }),
  };
}

/** An open question about a device (wire.md 5), as far as somebody who answers it needs it. */
export interface Question {
  readonly nid: string;
  readonly udid: string;
  readonly version: string;
}

/** Reads an owner message; undefined if it is none. */
export function readQuestion(payload: Uint8Array): Question | undefined {
  const body = parse(payload);
  const inner = isRecord(body) ? body['notification'] : undefined;
  if (!isRecord(inner)) return undefined;
  const { nid, udid, version } = inner;
  if (typeof nid !== 'string' || typeof udid !== 'string' || typeof version !== 'string') return undefined;
  return { nid, udid, version };
}
