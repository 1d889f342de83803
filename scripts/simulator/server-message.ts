import { isRecord } from '../../core/checkin.js';

/** An update the device is told to take. */
export interface Offer {
  readonly version: string;
  /** Path to fetch it from. */
  readonly path: string;
}

/** What a device understands of what the server says (wire.md 3). */
export type ServerMessage =
  | { readonly kind: 'ok'; readonly owner: string; readonly alias: string; readonly udid: string }
  | { readonly kind: 'offer'; readonly flagged: boolean; readonly udid: string; readonly offer: Offer }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'unknown' };

const FLAGGED = '{"FIRMWARE_UPDATE":true,"registration":';
const PLAIN = '{"registration":';
const UNKNOWN: ServerMessage = { kind: 'unknown' };

/** Bytes that no payload exceeds; a device's parser has room for about this much. */
const MAX_BYTES = 400;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The object inside `registration`, found as the library does: from the first marker to the first `}}`. */
function innerObject(payload: string): { inner: Record<string, unknown>; flagged: boolean } | undefined {
  const flagged = payload.includes(FLAGGED);
  const start = payload.indexOf(flagged ? FLAGGED : PLAIN);
  const end = payload.indexOf('}}', start);
  if (start === -1 || end === -1) return undefined;
  try {
    const body: unknown = JSON.parse(payload.slice(start, end + 2));
    if (isRecord(body) && isRecord(body['registration'])) return { inner: body['registration'], flagged };
  } catch {
    // What the library's parser cannot read, it ignores.
  }
  return undefined;
}

/** Reads a payload as the library does. Never throws; what makes no sense is `unknown`. */
export function readServerMessage(payload: string): ServerMessage {
  const found = innerObject(payload);
  if (!found) return UNKNOWN;
  const { inner, flagged } = found;
  const udid = text(inner['udid']);
  if (inner['status'] === 'OK')
    return { kind: 'ok', owner: text(inner['owner']), alias: text(inner['alias']), udid };
  if (inner['status'] !== 'FIRMWARE_UPDATE') return UNKNOWN;
  const ott = text(inner['ott']);
  const path = text(inner['url']) || (ott && `/device/firmware?ott=${ott}`);
  if (path === '') return { kind: 'cancel' };
  return { kind: 'offer', flagged, udid, offer: { version: text(inner['version']), path } };
}

/**
 * What a strict device has to complain about in a payload, or undefined. Real devices do not complain: they hang,
 * restart or flash rubbish, and so a simulated one says it instead.
 */
export function payloadFault(payload: string): string | undefined {
  const bytes = Buffer.byteLength(payload);
  if (bytes > MAX_BYTES) return `payload of ${bytes} bytes, more than ${MAX_BYTES}`;
  if (!payload.startsWith(FLAGGED) && !payload.startsWith(PLAIN)) return `unknown payload ${payload}`;
  if (payload.indexOf('}}') !== payload.length - 2)
    return `"}}" not at the end, or not only there: ${payload}`;
  return undefined;
}
