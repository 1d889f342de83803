import { cleanAlias, normaliseMac } from './device.js';
import { isUdid } from './topics.js';

/** The facts of one check-in (wire.md 2), each of which may be missing. */
export interface CheckIn {
  readonly mac?: string;
  readonly udid?: string;
  readonly owner?: string;
  readonly alias?: string;
  readonly platform?: string;
  readonly version?: string;
  readonly firmware?: string;
  readonly commit?: string;
  readonly envHash?: string;
  readonly status?: string;
  readonly rssi?: string;
  readonly lat?: string;
  readonly lon?: string;
  readonly fcid?: string;
  readonly autoUpdate?: boolean;
}

const MAX_TEXT = 256;

/** Text as nearly every device sends it: nothing in it has to be replaced. */
const PLAIN = /^[ -~]{1,256}$/;

/** V8 keeps what is cut off a text as a view of all of it: of 64 KB, for as long as a record holds the 256 characters. */
const apart = (text: string): string => Buffer.from(text).toString();

/** Reads one member as text: numbers and booleans count, anything else and empty text do not. Cut to 256 characters. */
export function readText(value: unknown): string | undefined {
  if (typeof value === 'string' && PLAIN.test(value)) return value.trim() || undefined;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined;
  const text = String(value)
    .slice(0, MAX_TEXT)
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .toWellFormed();
  return text === '' ? undefined : apart(text);
}

/** Reads `true`, `"true"`, `false` and `"false"`; everything else is undefined. */
export function readFlag(value: unknown): boolean | undefined {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  return undefined;
}

/** True for a JSON object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The `registration` object of a body, or undefined if there is none or it is empty. */
export function registrationOf(body: unknown): Record<string, unknown> | undefined {
  if (!isRecord(body) || !isRecord(body['registration'])) return undefined;
  return Object.keys(body['registration']).length > 0 ? body['registration'] : undefined;
}

/** Reads the facts out of a `registration` object. Never throws; what makes no sense is left out. */
export function readCheckIn(registration: Record<string, unknown>): CheckIn {
  const text = (name: string) => readText(registration[name]);
  const udid = text('udid');
  const alias = text('alias');
  const facts: Record<keyof CheckIn, string | boolean | undefined> = {
    mac: normaliseMac(text('mac')),
    udid: udid !== undefined && isUdid(udid) ? udid : undefined,
    owner: text('owner'),
    alias:
      alias === undefined || alias === 'unnamed' || alias === 'null'
        ? undefined
        : cleanAlias(alias) || undefined,
    platform: text('platform'),
    version: text('version'),
    firmware: text('firmware'),
    commit: text('commit'),
    envHash: text('env_hash'),
    status: text('status'),
    rssi: text('rssi'),
    lat: text('lat'),
    lon: text('lon'),
    // Its presence counts, not its content (wire.md 3).
    fcid: 'fcid' in registration ? (text('fcid') ?? '') : undefined,
    autoUpdate: readFlag(registration['auto_update']),
  };
  const told: Partial<Record<keyof CheckIn, string | boolean>> = {};
  for (const name of Object.keys(facts) as (keyof CheckIn)[]) {
    const value = facts[name];
    if (value !== undefined) told[name] = value;
  }
  return told as CheckIn;
}

/** What a device published on its status topic. */
export type StatusMessage =
  | { readonly kind: 'check-in'; readonly facts: CheckIn }
  | { readonly kind: 'status'; readonly text: string };

/** Statuses inside a registration that report progress and are not a check-in to be answered (wire.md 3). */
const PROGRESS_STATUS = /^(update_|connected$|disconnected$)/i;

/**
 * Reads a status payload leniently: text that is not JSON, empty text and `owner` are status texts, never errors.
 */
export function readStatus(payload: Uint8Array): StatusMessage {
  const text = Buffer.from(payload).toString('utf8');
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { kind: 'status', text: readText(text) ?? '' };
  }
  const registration = registrationOf(body);
  if (!registration) {
    const status = isRecord(body) ? readText(body['status']) : undefined;
    return { kind: 'status', text: status ?? readText(text) ?? '' };
  }
  const facts = readCheckIn(registration);
  if (facts.status !== undefined && PROGRESS_STATUS.test(facts.status))
    return { kind: 'status', text: facts.status };
  return { kind: 'check-in', facts };
}

/** Statuses that a healthy device sends with its check-in. */
const HEALTHY = /^(registered|ok|connected|disconnected|update_.*|firmware_.*|\{.*)$/i;

/** The updater's error that a device carries in its check-in's status, if it does (wire.md 2). */
export const updaterError = (facts: CheckIn): string | undefined =>
  facts.status === undefined || HEALTHY.test(facts.status) ? undefined : facts.status;
