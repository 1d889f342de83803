import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { FirmwireError } from '../../core/errors.js';
import type { Kind } from './records.js';

/**
 * The form of a backup: a tar file with, in this order, `manifest.json`, the records of one kind after the other in
 * numbered files of lines, firmware bytes as `firmware/<sha256>` before the records that name them, `checksums.json`.
 */
const FORMAT = 'firmwire-backup';
/** 3: keys may end, be bound to a device, and have more scopes; 4: firmware may be signed. */
const VERSION = 4;
/** Before this version there were none of these. */
const SINCE: Readonly<Partial<Record<Kind, number>>> = { history: 2, marks: 4, signer: 4 };

export const MANIFEST = 'manifest.json';
export const CHECKSUMS = 'checksums.json';

/** The folder of each kind, in the order of the file: what makes a store usable comes last. */
const FOLDERS: Readonly<Record<Kind, string>> = {
  device: 'devices',
  history: 'history',
  token: 'tokens',
  retained: 'retained',
  firmware: 'firmware',
  marks: 'marks',
  signer: 'signers',
  key: 'keys',
  owner: 'owners',
};
const ORDER = Object.keys(FOLDERS) as readonly Kind[];
const KIND_OF = new Map(ORDER.map((kind) => [FOLDERS[kind], kind]));

const ManifestSchema = Type.Object(
  {
    format: Type.Literal(FORMAT),
    version: Type.Integer({ minimum: 1, maximum: VERSION }),
    createdAt: Type.String(),
    /** The version of Firmwire that wrote it. */
    firmwire: Type.String(),
    store: Type.Object(
      { id: Type.String({ pattern: '^[!-~]{1,128}$' }), kind: Type.String() },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

export type Manifest = Static<typeof ManifestSchema>;

/** How many records of each kind, and how many firmware bodies. */
export type Counts = Record<Kind | 'bytes', number>;

export const noCounts = (): Counts => ({
  device: 0,
  history: 0,
  token: 0,
  retained: 0,
  firmware: 0,
  marks: 0,
  signer: 0,
  key: 0,
  owner: 0,
  bytes: 0,
});

export const newManifest = (firmwire: string, store: Manifest['store'], now: number): Manifest => ({
  format: FORMAT,
  version: VERSION,
  createdAt: new Date(now).toISOString(),
  firmwire,
  store,
});

/** @throws FirmwireError `backup_newer`; Error if it is none */
export function readManifest(text: string): Manifest {
  const value: unknown = JSON.parse(text);
  if (Check(Type.Object({ format: Type.Literal(FORMAT), version: Type.Integer() }), value))
    if (value.version > VERSION)
      throw new FirmwireError(
        'backup_newer',
        `The backup was made by a newer version of Firmwire (format ${value.version}; this one knows ${VERSION}).`,
      );
  if (!Check(ManifestSchema, value)) throw new Error('it is not the manifest of a backup');
  return value;
}

/** What a name in the tar stands for. */
export type Place =
  | { readonly is: 'bytes'; readonly kind: 'firmware'; readonly sha256: string }
  | { readonly is: 'lines'; readonly kind: Kind; readonly number: number };

/** The name of the n-th file of lines, from 1. */
export const linesName = (kind: Kind, number: number): string =>
  `${FOLDERS[kind]}/${String(number).padStart(6, '0')}.ndjson`;

export const bytesName = (sha256: string): string => `${FOLDERS.firmware}/${sha256}`;

/** @returns undefined if a backup has no such name */
export function readName(name: string): Place | undefined {
  const sha256 = /^firmware\/([0-9a-f]{64})$/.exec(name)?.[1];
  if (sha256 !== undefined) return { is: 'bytes', kind: 'firmware', sha256 };
  const [, folder = '', digits = ''] = /^([a-z]+)\/(\d{6,9})\.ndjson$/.exec(name) ?? [];
  const kind = KIND_OF.get(folder);
  return kind && { is: 'lines', kind, number: Number(digits) };
}

/** True if a backup of this version may hold records of this kind. */
export const mayHold = (version: number, kind: Kind): boolean => version >= (SINCE[kind] ?? 1);

/** Where a kind stands in the file; a later one has a higher number. */
export const rank = (kind: Kind): number => ORDER.indexOf(kind);

/** The content of `checksums.json`: always the same bytes for the same facts, so that it can be compared as a whole. */
export function checksumsText(
  counts: Counts,
  entries: ReadonlyMap<string, string>,
  version: number = VERSION,
): string {
  const known = Object.fromEntries(
    Object.entries({ ...noCounts(), ...counts }).filter(
      ([kind]) => !(kind in SINCE) || mayHold(version, kind as Kind),
    ),
  );
  return `${JSON.stringify({ counts: known, entries: Object.fromEntries(entries) }, undefined, 1)}\n`;
}
