import Type from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { ApiKey, Owner, Scope } from '../../core/account.js';
import type { Device, Quarantine } from '../../core/device.js';
import { FirmwireError } from '../../core/errors.js';
import type { FirmwareFile, Release, StoredFirmware } from '../../core/firmware.js';
import { HISTORY_LENGTH, type HistoryEntry, type HistoryEvent } from '../../core/history.js';
import type { DeviceHistory, RetainedEntry, StoreEntry } from '../../core/ports.js';
import type { OfferWindow } from '../../core/rollouts/plan.js';
import type { Rhythm } from '../../core/rollouts/rhythm.js';
import type { Grant, RolloutState, Staging } from '../../core/rollouts/rollout.js';
import type { Signer } from '../../core/signing/keys.js';
import type { Mark, OwnerMarks } from '../../core/signing/marks.js';
import type { Token } from '../../core/token.js';
import type { Consent, Update, UpdateState } from '../../core/update.js';

/**
 * The lines of a backup: each is one record as JSON. The schemas below name every member of a record; `satisfies`
 * lets nobody add one to the domain without adding it here.
 */
export type Kind = StoreEntry['kind'];

type Members<T> = Readonly<Record<keyof T, Type.TSchema>>;

const record = <P extends Type.TProperties>(members: P) =>
  Type.Object(members, { additionalProperties: false });

/** One of the words of a union, all of which have to be named. */
const oneOf = <W extends string>(words: Readonly<Record<W, true>>) => Type.Enum(Object.keys(words));

const text = Type.String();
const maybeText = Type.Optional(text);
const number = Type.Number();
const maybeNumber = Type.Optional(number);
const texts = Type.Array(text);
const owner = Type.String({ pattern: '^[a-z0-9]{64,128}$' });
/** What a store can use as a key. */
const id = Type.String({ pattern: '^[!-~]{1,128}$' });
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const size = Type.Integer({ minimum: 0 });

const STATES: Readonly<Record<UpdateState, true>> = {
  offered: true,
  asked: true,
  approved: true,
  declined: true,
  downloading: true,
  downloaded: true,
  installed: true,
  failed: true,
  withdrawn: true,
};

const update = record({
  firmware: text,
  version: text,
  size,
  signer: maybeText,
  sequence: maybeNumber,
  state: oneOf<UpdateState>(STATES),
  since: number,
  from: maybeText,
  consent: Type.Optional(
    oneOf<Consent>({ auto: true, approved: true, ordered: true, forced: true, requested: true }),
  ),
  token: Type.Optional(sha256),
  startedAt: maybeNumber,
  attemptEndedAt: maybeNumber,
  proven: Type.Boolean(),
  attempts: number,
  begun: maybeNumber,
  error: maybeText,
  postponedUntil: maybeNumber,
  cancelOwed: Type.Boolean(),
} satisfies Members<Update>);

const file = record({ name: text, size, sha256 } satisfies Members<FirmwareFile>);

const mark = record({
  platform: text,
  udid: maybeText,
  tags: texts,
  signer: text,
  published: size,
  released: size,
} satisfies Members<Mark>);

const historyEntry = record({
  event: oneOf<HistoryEvent>({
    ...STATES,
    created: true,
    checkin: true,
    checkout: true,
    postponed: true,
    refused: true,
  }),
  at: number,
  since: maybeNumber,
  count: maybeNumber,
  version: maybeText,
  firmware: maybeText,
  progress: maybeNumber,
  error: maybeText,
} satisfies Members<HistoryEntry>);

const grant = record({
  rollout: id,
  firmware: text,
  stage: size,
  at: number,
  installedAt: maybeNumber,
  returns: size,
} satisfies Members<Grant>);

const rhythm = record({
  silence: number,
  between: maybeNumber,
  returnedAt: number,
} satisfies Members<Rhythm>);

const quarantine = record({ at: number, firmware: text, reason: text } satisfies Members<Quarantine>);

const staging = record({
  rollout: id,
  state: oneOf<RolloutState>({
    scheduled: true,
    running: true,
    paused: true,
    halted: true,
    aborted: true,
    done: true,
  }),
  stage: size,
  of: size,
  window: Type.Optional(
    record({ days: texts, from: text, to: text, timeZone: text } satisfies Members<OfferWindow>),
  ),
  approval: text,
  consented: Type.Boolean(),
  attempts: size,
} satisfies Members<Staging>);

const SCHEMAS = {
  device: record({
    owner,
    udid: id,
    mac: Type.Optional(Type.String({ pattern: '^[0-9A-F]{12,16}$' })),
    alias: text,
    platform: maybeText,
    version: maybeText,
    firmware: maybeText,
    commit: maybeText,
    envHash: maybeText,
    status: maybeText,
    rssi: maybeText,
    lat: maybeText,
    lon: maybeText,
    freeSpace: maybeNumber,
    autoUpdate: Type.Boolean(),
    introduced: Type.Boolean(),
    tags: texts,
    createdAt: number,
    lastSeen: number,
    declined: texts,
    signer: maybeText,
    sequence: maybeNumber,
    update: Type.Optional(update),
    grant: Type.Optional(grant),
    rhythm: Type.Optional(rhythm),
    quarantine: Type.Optional(quarantine),
  } satisfies Members<Device>),
  history: record({
    udid: id,
    entries: Type.Array(historyEntry, { maxItems: HISTORY_LENGTH }),
  } satisfies Members<DeviceHistory>),
  token: record({
    hash: sha256,
    owner,
    udid: id,
    firmware: text,
    sha256,
    size,
    params: Type.Record(text, text),
    issuedAt: number,
    expiresAt: number,
    firstAttemptAt: maybeNumber,
    attempt: maybeText,
    spans: Type.Array(Type.Tuple([size, size])),
    completedAt: maybeNumber,
  } satisfies Members<Token>),
  retained: record({
    topic: Type.String({ minLength: 1, maxLength: 65_535 }),
    // Base64.
    payload: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }),
    qos: Type.Enum([0, 1, 2]),
  } satisfies Members<RetainedEntry>),
  firmware: record({
    id,
    owner,
    version: text,
    platform: maybeText,
    udid: maybeText,
    tags: texts,
    envHash: maybeText,
    notes: maybeText,
    rollout: oneOf<Release>({ 'all-at-once': true, none: true }),
    staging: Type.Optional(staging),
    chip: maybeText,
    size,
    sha256,
    md5: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    format: oneOf<StoredFirmware['format']>({ image: true, files: true }),
    files: Type.Array(file),
    manifest: maybeText,
    createdAt: number,
  } satisfies Members<StoredFirmware>),
  marks: record({ owner, marks: Type.Array(mark) } satisfies Members<OwnerMarks>),
  signer: record({
    id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    owner,
    alias: text,
    publicKey: sha256,
    createdAt: number,
  } satisfies Members<Signer>),
  key: record({
    hash: sha256,
    owner,
    alias: text,
    scope: oneOf<Scope>({ device: true, owner: true, publish: true, read: true }),
    createdAt: number,
    expiresAt: maybeNumber,
    device: maybeText,
  } satisfies Members<ApiKey>),
  owner: record({ id: owner, name: text, createdAt: number } satisfies Members<Owner>),
} satisfies Record<Kind, Type.TSchema>;

const validators = new Map<Kind, Validator>();

/** What is wrong with a record, or undefined. */
function complaint(kind: Kind, value: unknown): string | undefined {
  let validator = validators.get(kind);
  if (!validator) {
    validator = Compile(SCHEMAS[kind]) as Validator;
    validators.set(kind, validator);
  }
  if (validator.Check(value)) return undefined;
  const [first] = validator.Errors(value);
  // A member that the schema does not name is checked against `false`.
  const message = first?.keyword === 'boolean' ? 'is not known' : first?.message;
  return `${first?.instancePath ?? ''} ${message ?? 'is not as it should be'}`.trim();
}

/**
 * A record as a line.
 * @throws FirmwireError `internal` if nobody could read it back: better now than when it is needed
 */
export function toLine({ kind, value }: StoreEntry): string {
  const stored = kind === 'retained' ? { ...value, payload: value.payload.toString('base64') } : value;
  const wrong = complaint(kind, stored);
  if (wrong !== undefined)
    throw new FirmwireError('internal', `A ${kind} in the store is damaged: ${wrong}.`);
  return JSON.stringify(stored);
}

/** A line as a record. @throws Error that says what is wrong with it */
export function fromLine(kind: Kind, line: string): StoreEntry {
  const value: unknown = JSON.parse(line);
  const wrong = complaint(kind, value);
  if (wrong !== undefined) throw new Error(wrong);
  if (kind !== 'retained') return { kind, value } as StoreEntry;
  const retained = value as Omit<RetainedEntry, 'payload'> & { readonly payload: string };
  return { kind, value: { ...retained, payload: Buffer.from(retained.payload, 'base64') } };
}
